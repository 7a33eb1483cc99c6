package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/registryconform/conform/cmd/conform/internal/container"
	"github.com/registryconform/conform/cmd/conform/internal/dockerconfig"
	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/cmd/conform/internal/settings"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

// maxPassword bounds what is read from standard input.
const maxPassword = 64 << 10

// target returns the target of the run, started if need be, and what ends it.
func (f *runFlags) target(ctx context.Context, s streams, p *plan) (conformance.Registry, func(), error) {
	base, stop, err := f.start(ctx, s, p)
	if err != nil {
		return conformance.Registry{}, nil, err
	}
	t := conformance.Registry{URL: base, Repositories: p.repos, Content: p.content}
	t.Client, err = f.client(p, base)
	if err == nil {
		var credentials wire.Credentials
		credentials, err = f.credentials(ctx, s, p, base)
		base.User = nil
		t.Client.Auth = wire.NewAuth(t.Client, credentials)
	}
	if err != nil {
		stop()
		return conformance.Registry{}, nil, err
	}
	return t, stop, nil
}

// start returns the address of the target: the built-in registry or a container
// is started, and stopped by the function returned.
func (f *runFlags) start(ctx context.Context, s streams, p *plan) (*url.URL, func(), error) {
	switch {
	case f.embedded:
		r, err := embedded.Start(ctx, embedded.Options{Faults: f.faults, Schema1: p.options.Profile.Includes(requirement.Schema1PushCreated)})
		if err != nil {
			return nil, nil, err
		}
		p.origins["target"] = report.Option{Value: "embedded", Origin: "flag"}
		return r.URL(), func() { r.Close() }, nil
	case f.container.Set():
		base, stop, err := container.Start(ctx, f.container, s.err)
		if err != nil {
			return nil, nil, &statusError{report.ExitUnreachable, err}
		}
		p.origins["target"] = report.Option{Value: base.String(), Origin: "container"}
		return base, stop, nil
	}
	return p.base, func() {}, nil
}

// address returns the address that the argument, the environment or the file
// names.
func (f *runFlags) address(p *plan) (*url.URL, error) {
	v := p.settings.Registry
	if len(f.args) > 0 {
		v = settings.Value{Text: f.args[0], Origin: "argument"}
	}
	switch {
	case !v.IsSet():
		return nil, errors.New("no target: want a URL, --embedded, --image, --dockerfile, or the variable OCI_REGISTRY or REGISTRY")
	case strings.TrimSpace(v.Text) == "":
		return nil, fmt.Errorf("the target is empty (%s)", v.Origin)
	}
	mode := ""
	if v.Origin != "argument" && v.Origin != "environment REGISTRY" {
		mode = p.settings.TLS.Text
	}
	base, err := parseAddress(v.Text, mode)
	if err != nil {
		return nil, fmt.Errorf("the target (%s): %w", v.Origin, err)
	}
	p.origins["target"] = report.Option{Value: base.Redacted(), Origin: v.Origin}
	return base, nil
}

// parseAddress reads an address: a URL, or HOST[:PORT][/PATH], which is https
// unless it is a loopback address or mode is "disabled". The errors show
// nothing of user information in it.
func parseAddress(text, mode string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
		host := text[len("https://"):]
		if mode == "disabled" || mode == "" && isLoopback(host) {
			text = "http://" + host
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL or HOST:PORT")
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q: want http or https", u.Scheme)
	case u.Hostname() == "" || strings.ContainsAny(u.Host, " \t"):
		return nil, errors.New("no host in it")
	case port == "" && strings.HasSuffix(u.Host, ":") || port != "" && !isPort(port):
		return nil, fmt.Errorf("port %q: not between 1 and 65535", port)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("a query or fragment in it: want scheme, host and, at most, a path")
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v2")
	u.RawPath = ""
	return u, nil
}

func isPort(s string) bool {
	n, err := net.LookupPort("tcp", s)
	return err == nil && n > 0 && strings.Trim(s, "0123456789") == ""
}

// isLoopback reports whether HOST[:PORT][/PATH] is this machine.
func isLoopback(address string) bool {
	u, err := url.Parse("http://" + address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// client says how to connect.
func (f *runFlags) client(p *plan, base *url.URL) (wire.Config, error) {
	config := wire.Config{
		Base: base, Timeout: f.timeout, Proxy: http.ProxyFromEnvironment,
		UserAgent: "conform/" + version(), TLS: &tls.Config{},
	}
	fromFlag := len(f.args) > 0
	config.TLS.InsecureSkipVerify = f.insecure || !fromFlag && p.settings.TLS.Text == "insecure"
	if f.changed("cacert") {
		pool, err := authorities(f.cacert)
		if err != nil {
			return wire.Config{}, err
		}
		config.TLS.RootCAs = pool
	}
	return config, nil
}

// authorities returns the system's authorities and those of a file.
func authorities(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--cacert: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("--cacert: %s: no certificate in PEM form", path)
	}
	return pool, nil
}

// credentials finds the credentials for the target: flags, the address itself,
// the environment or file, Docker's configuration. None of it is printed.
func (f *runFlags) credentials(ctx context.Context, s streams, p *plan, base *url.URL) (wire.Credentials, error) {
	password, inAddress := base.User.Password()
	env := p.settings
	switch {
	case f.changed("username"):
		secret, err := readPassword(s.in)
		p.origins["username"] = report.Option{Value: f.username, Origin: "flag"}
		return wire.Credentials{Username: f.username, Password: secret}, err
	case inAddress:
		p.origins["username"] = report.Option{Value: base.User.Username(), Origin: "address"}
		return wire.Credentials{Username: base.User.Username(), Password: password}, nil
	case env.Username.Text != "" && env.Password.Text != "":
		p.origins["username"] = report.Option{Value: env.Username.Text, Origin: env.Username.Origin}
		return wire.Credentials{Username: env.Username.Text, Password: env.Password.Text}, nil
	case f.embedded || f.container.Set():
		return wire.Credentials{}, nil
	}
	found, ok, err := dockerconfig.Lookup(ctx, dockerconfig.Dir(), base.Host)
	if err != nil {
		fmt.Fprintf(s.err, "conform: no credentials from Docker's configuration: %s\n", oneLine(err))
	}
	if !ok {
		return wire.Credentials{}, nil
	}
	p.origins["username"] = report.Option{Value: found.Username, Origin: found.Source}
	return wire.Credentials{
		Username: found.Username, Password: found.Password, IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	}, nil
}

// readPassword reads the password: all of standard input but a line end.
func readPassword(in io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("--password-stdin: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case password == "":
		return "", errors.New("--password-stdin: standard input is empty")
	case len(data) > maxPassword:
		return "", errors.New("--password-stdin: standard input is too long for a password")
	}
	return password, nil
}
