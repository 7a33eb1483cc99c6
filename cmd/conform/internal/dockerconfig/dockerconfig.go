// Package dockerconfig finds the credentials that Docker's configuration and
// its credential helpers hold for a registry.
//
// It reads config.json as "docker login" writes it: auths, credHelpers,
// credsStore, identity tokens. It changes nothing, and knows nothing of what
// the credentials are for.
package dockerconfig

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

// helperTimeout bounds what a credential helper takes.
const helperTimeout = 10 * time.Second

// maxConfig bounds the file.
const maxConfig = 4 << 20

// tokenUser is the user name by which a helper says that the secret is an
// identity token.
const tokenUser = "<token>"

// hub is how Docker Hub is named in the file, whatever its host is.
const hub = "https://index.docker.io/v1/"

// Credentials are what is known for one registry.
type Credentials struct {
	Username, Password, IdentityToken, RegistryToken string
	// Source says where they stand, for people.
	Source string
}

type file struct {
	Auths       map[string]entry  `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"`
	CredsStore  string            `json:"credsStore"`
}

type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Dir returns the directory of the configuration, which need not be there:
// DOCKER_CONFIG, else .docker in the home directory; "" if there is none.
func Dir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// Lookup returns the credentials for host (HOST or HOST:PORT) in the
// configuration of dir, and false if there are none. A helper for the host goes
// before the general one, and that before the file. The errors hold no secret.
func Lookup(ctx context.Context, dir, host string) (Credentials, bool, error) {
	path := filepath.Join(dir, "config.json")
	f, err := read(path)
	if err != nil || f == nil {
		return Credentials{}, false, err
	}
	names := namesOf(host)
	helper := f.CredsStore
	for _, name := range names {
		if h, ok := f.CredHelpers[name]; ok {
			helper = h
			break
		}
	}
	if helper != "" {
		c, ok, err := ask(ctx, helper, names)
		if err != nil || ok {
			return c, ok, err
		}
	}
	for _, name := range names {
		if e, ok := f.Auths[name]; ok && e != (entry{}) {
			c, err := e.credentials()
			c.Source = path
			if err != nil {
				return Credentials{}, false, fmt.Errorf("%s: auths[%q]: %w", path, name, err)
			}
			return c, true, nil
		}
	}
	return Credentials{}, false, nil
}

// read returns nil if there is no file.
func read(path string) (*file, error) {
	in, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		// The decoder's own words could show a secret.
		return nil, fmt.Errorf("%s: not the JSON of Docker's configuration", path)
	}
	return &f, nil
}

// namesOf returns the names that a registry may have in the file.
func namesOf(host string) []string {
	names := []string{host, "https://" + host, "http://" + host}
	for _, n := range slices.Clone(names) {
		names = append(names, n+"/", n+"/v1/", n+"/v2/", n+"/v1", n+"/v2")
	}
	switch host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		names = append(names, hub, "docker.io", "index.docker.io")
	}
	return names
}

func (e entry) credentials() (Credentials, error) {
	c := Credentials{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	pair, err := base64.StdEncoding.DecodeString(e.Auth)
	user, password, ok := strings.Cut(string(pair), ":")
	if err != nil || !ok {
		return Credentials{}, errors.New("auth is not the base64 of USER:PASSWORD")
	}
	c.Username, c.Password = user, strings.TrimRight(password, "\x00")
	return c, nil
}

// ask asks the helper for the first of the names that it knows.
func ask(ctx context.Context, helper string, names []string) (Credentials, bool, error) {
	if strings.ContainsAny(helper, `/\`) {
		return Credentials{}, false, fmt.Errorf("credential helper %q: not a name", helper)
	}
	program := "docker-credential-" + helper
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	if _, err := exec.LookPath(program); err != nil {
		return Credentials{}, false, fmt.Errorf("credential helper %s: not found", program)
	}
	for _, name := range names {
		found, err := client.Get(func(args ...string) client.Program { return newProgram(ctx, program, args) }, name)
		switch {
		case ctx.Err() != nil:
			return Credentials{}, false, fmt.Errorf("credential helper %s: no answer within %v", program, helperTimeout)
		case credentials.IsErrCredentialsNotFound(err):
			continue
		case err != nil:
			return Credentials{}, false, fmt.Errorf("credential helper %s: %s", program, firstLine(err.Error()))
		case found.Secret == "":
			continue
		}
		c := Credentials{Username: found.Username, Password: found.Secret, Source: program}
		if found.Username == tokenUser {
			c = Credentials{IdentityToken: found.Secret, Source: program}
		}
		return c, true, nil
	}
	return Credentials{}, false, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// A program is a helper that ends with its context.
type program struct{ cmd *exec.Cmd }

func newProgram(ctx context.Context, name string, args []string) program {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	return program{cmd}
}

// Output implements [client.Program].
func (p program) Output() ([]byte, error) { return p.cmd.Output() }

// Input implements [client.Program].
func (p program) Input(in io.Reader) { p.cmd.Stdin = in }
