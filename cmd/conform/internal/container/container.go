// Package container runs a registry in a container for the time of a run, from
// an image or from a Dockerfile, through testcontainers-go and whatever Docker
// engine that finds.
//
// It belongs to the command: it reads the environment as Docker's own client
// does, and it is the one place, tests aside, that knows testcontainers. It
// does not judge anything.
package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Defaults of [Options].
const (
	DefaultPort = 5000
	DefaultWait = time.Minute
)

// builtName is the repository of the images that are built.
const builtName = "conform-run"

// Options say which container to run. Exactly one of Image and Dockerfile is
// set.
type Options struct {
	// Image is a reference; it is pulled unless the engine has it.
	Image string
	// Dockerfile is a folder with a Dockerfile, or the path of one; the
	// image is built with its folder as context, and removed afterwards.
	Dockerfile string
	// Env are variables, each as NAME=VALUE.
	Env []string
	// Files are copied into the container before it starts, each as
	// HOST:CONTAINER, two paths; the latter is absolute.
	Files []string
	// Port is where the registry listens in the container; 0 means
	// [DefaultPort].
	Port int
	// Args are the arguments of the container's entry point.
	Args []string
	// Wait bounds the time from the start of the container until the
	// registry answers; 0 means [DefaultWait].
	Wait time.Duration
}

// Set reports whether a container is asked for at all.
func (o Options) Set() bool { return o.Image != "" || o.Dockerfile != "" }

// Check returns what is wrong with o in one line, without asking an engine.
func (o Options) Check() error {
	switch {
	case o.Image != "" && o.Dockerfile != "":
		return errors.New("an image and a Dockerfile are both given")
	case !o.Set():
		return errors.New("neither an image nor a Dockerfile is given")
	case o.Port < 0 || o.Port > 65535:
		return fmt.Errorf("port %d: not between 1 and 65535", o.Port)
	case o.Wait < 0:
		return fmt.Errorf("wait %v: negative", o.Wait)
	}
	_, err := o.customizers(io.Discard, "")
	return err
}

func (o Options) port() string {
	if o.Port == 0 {
		return fmt.Sprintf("%d/tcp", DefaultPort)
	}
	return fmt.Sprintf("%d/tcp", o.Port)
}

func (o Options) wait() time.Duration {
	if o.Wait == 0 {
		return DefaultWait
	}
	return o.Wait
}

func (o Options) name() string {
	if o.Image != "" {
		return "image " + o.Image
	}
	return "Dockerfile " + o.Dockerfile
}

// customizers translates o; what the build of an image prints goes to build.
// An image that is built is tagged with tag.
func (o Options) customizers(build io.Writer, tag string) ([]testcontainers.ContainerCustomizer, error) {
	env, err := o.environment()
	if err != nil {
		return nil, err
	}
	files, err := o.files()
	if err != nil {
		return nil, err
	}
	all := []testcontainers.ContainerCustomizer{
		testcontainers.WithLogger(tclog.NewNoopLogger()),
		testcontainers.WithExposedPorts(o.port()),
		testcontainers.WithEnv(env),
		testcontainers.WithFiles(files...),
	}
	if len(o.Args) > 0 {
		all = append(all, testcontainers.WithCmd(o.Args...))
	}
	if o.Dockerfile != "" {
		dir, file, err := o.dockerfile()
		if err != nil {
			return nil, err
		}
		all = append(all, testcontainers.WithDockerfile(testcontainers.FromDockerfile{
			Context: dir, Dockerfile: file, Repo: builtName, Tag: tag, BuildLogWriter: build,
		}))
	}
	return all, nil
}

func (o Options) environment() (map[string]string, error) {
	env := map[string]string{}
	for _, pair := range o.Env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("environment %q: not of the form NAME=VALUE", pair)
		}
		env[name] = value
	}
	return env, nil
}

func (o Options) files() ([]testcontainers.ContainerFile, error) {
	var files []testcontainers.ContainerFile
	for _, pair := range o.Files {
		// The last colon: the host's path may begin with a drive.
		i := strings.LastIndexByte(pair, ':')
		if i <= 0 || !strings.HasPrefix(pair[i+1:], "/") {
			return nil, fmt.Errorf("file %q: not of the form HOST:/CONTAINER", pair)
		}
		info, err := os.Stat(pair[:i])
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", pair, errors.Unwrap(err))
		}
		files = append(files, testcontainers.ContainerFile{
			HostFilePath: pair[:i], ContainerFilePath: pair[i+1:], FileMode: int64(info.Mode().Perm()),
		})
	}
	return files, nil
}

// dockerfile returns the context and the name of the Dockerfile in it.
func (o Options) dockerfile() (dir, file string, err error) {
	path := o.Dockerfile
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, "Dockerfile")
		info, err = os.Stat(path)
	}
	if err != nil {
		return "", "", fmt.Errorf("the Dockerfile %s: %w", path, errors.Unwrap(err))
	}
	if !info.Mode().IsRegular() {
		return "", "", fmt.Errorf("the Dockerfile %s: not a file", path)
	}
	return filepath.Dir(path), filepath.Base(path), nil
}
