package container

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

const (
	// cleanUpTimeout bounds the removal of a container, which goes on when
	// the run was interrupted.
	cleanUpTimeout = 30 * time.Second
	// engineTimeout bounds each question to the engine.
	engineTimeout = 10 * time.Second
)

// Start starts the container and returns the URL of the registry in it once it
// answers, and what removes the container (and an image that was built), which
// must be called once. The errors are one line each; what the container or the
// build printed is written to log, where it explains one. When ctx ends, Start
// cleans up and returns ctx's error.
func Start(ctx context.Context, o Options, log io.Writer) (*url.URL, func(), error) {
	if err := o.Check(); err != nil {
		return nil, nil, err
	}
	s := &session{options: o, log: log, tag: strings.ToLower(rand.Text())}
	if err := s.engine(ctx); err != nil {
		return nil, nil, err
	}
	base, err := s.start(ctx)
	if err == nil {
		return base, func() { s.remove(ctx) }, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	} else {
		s.explain(ctx)
		err = fmt.Errorf("%s: %w", o.name(), shorten(err))
	}
	s.remove(ctx)
	return nil, nil, err
}

// A session is one container, from before its start.
type session struct {
	options   Options
	log       io.Writer
	tag       string // of the image, if one is built
	docker    client.APIClient
	build     bytes.Buffer // what the build printed
	container *testcontainers.DockerContainer
}

// engine finds the engine, and keeps testcontainers from starting a container
// of its own beside ours: it would be pulled, and this command removes what it
// starts. Both can be had otherwise by testcontainers' own variables.
func (s *session) engine(ctx context.Context) error {
	if _, set := os.LookupEnv("TESTCONTAINERS_RYUK_DISABLED"); !set {
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	const advice = "no Docker engine answers (DOCKER_HOST names one that is not at the default place)"
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return fmt.Errorf("%s: %w", advice, shorten(err))
	}
	s.docker = provider.Client()
	// A DOCKER_HOST that does not answer is passed over in favour of the
	// default place: that could be another machine than the one meant.
	if want, got := os.Getenv("DOCKER_HOST"), s.docker.DaemonHost(); want != "" && want != got {
		return fmt.Errorf("the Docker engine at DOCKER_HOST=%s does not answer", want)
	}
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	if _, err := s.docker.Ping(ctx, client.PingOptions{}); err != nil {
		return fmt.Errorf("%s: %w", advice, shorten(err))
	}
	return nil
}

// start runs the container and waits for the registry in it.
func (s *session) start(ctx context.Context) (*url.URL, error) {
	customizers, err := s.options.customizers(&s.build, s.tag)
	if err != nil {
		return nil, err
	}
	s.container, err = testcontainers.Run(ctx, s.options.Image, customizers...)
	if err != nil {
		return nil, err
	}
	return s.ready(ctx)
}

// remove removes what the session made, also when ctx has ended.
func (s *session) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if s.container != nil {
		err := s.container.Terminate(ctx, testcontainers.StopContext(ctx), testcontainers.StopTimeout(2*time.Second))
		if err != nil {
			fmt.Fprintf(s.log, "container %.12s is not removed: %v\n", s.container.GetContainerID(), err)
		}
		return
	}
	if s.options.Dockerfile != "" {
		// The build may have ended well, and what came after it not.
		s.docker.ImageRemove(ctx, builtName+":"+s.tag, client.ImageRemoveOptions{Force: true, PruneChildren: true})
	}
}

// explain writes what the container printed, or else the build.
func (s *session) explain(ctx context.Context) {
	const lines = 40
	if s.container == nil {
		if s.build.Len() > 0 {
			fmt.Fprintf(s.log, "the build of the image printed:\n%s\n", indent(s.build.String(), lines))
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	stream, err := s.container.Logs(ctx)
	if err != nil {
		fmt.Fprintf(s.log, "the container's log cannot be read: %v\n", err)
		return
	}
	defer stream.Close()
	printed, _ := io.ReadAll(io.LimitReader(stream, 16<<20))
	if text := indent(string(printed), lines); text != "" {
		fmt.Fprintf(s.log, "the container printed:\n%s\n", text)
		return
	}
	fmt.Fprintln(s.log, "the container printed nothing")
}

// indent returns the last lines of text that are not empty, set in.
func indent(text string, last int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n\t "); line != "" {
			lines = append(lines, "  "+line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-last):], "\n")
}

// shorten takes the names of testcontainers' own steps off err, and all lines
// but the first.
func shorten(err error) error {
	text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	for _, step := range []string{"generic container: ", "create container: ", "start container: ", "container start: "} {
		text = strings.TrimPrefix(text, step)
	}
	return &shortError{text: text, err: err}
}

// A shortError says what err does, in fewer words.
type shortError struct {
	text string
	err  error
}

func (e *shortError) Error() string { return e.text }
func (e *shortError) Unwrap() error { return e.err }
