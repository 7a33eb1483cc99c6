package container

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	pollInterval = 100 * time.Millisecond
	pollTimeout  = 2 * time.Second
)

// ready waits until the registry answers and returns its URL.
func (s *session) ready(ctx context.Context) (*url.URL, error) {
	deadline, cancel := context.WithTimeout(ctx, s.options.wait())
	defer cancel()
	hosts, err := s.addresses(deadline)
	if err != nil {
		return nil, err
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	last := fmt.Errorf("nothing listens on port %s", s.options.port())
	for {
		for i, host := range hosts {
			base, err := answers(deadline, host)
			if err == nil {
				return base, nil
			}
			if i == 0 && deadline.Err() == nil {
				last = err
			}
		}
		if state, err := s.container.State(deadline); err == nil && !state.Running {
			return nil, fmt.Errorf("the container ended with status %d before it answered", state.ExitCode)
		}
		select {
		case <-deadline.Done():
			return nil, fmt.Errorf("no HTTP answer on port %s after %v: %w", s.options.port(), s.options.wait(), last)
		case <-poll.C:
		}
	}
}

// addresses returns where the port of the container may be reached, the likely
// place first. A file /.dockerenv alone does not prove that the gateway of the
// engine's network is the way: where the engine runs beside us, loopback is.
func (s *session) addresses(ctx context.Context) ([]string, error) {
	port, err := s.container.MappedPort(ctx, s.options.port())
	if err != nil {
		if state, e := s.container.State(ctx); e == nil && !state.Running {
			return nil, fmt.Errorf("the container ended with status %d before it answered", state.ExitCode)
		}
		return nil, err
	}
	host, err := s.container.Host(ctx)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if _, given := os.LookupEnv("TESTCONTAINERS_HOST_OVERRIDE"); !given && strings.HasPrefix(s.docker.DaemonHost(), "unix:") {
		hosts = slices.Insert(hosts, 0, "127.0.0.1")
	}
	for i := range hosts {
		hosts[i] = net.JoinHostPort(hosts[i], port.Port())
	}
	return slices.Compact(hosts), nil
}

// answers asks for the root of the API at host, in plain text and, where that
// is refused as a server of TLS does, in TLS. Every status below 500 is an
// answer: whether it is the right one is not decided here.
func answers(ctx context.Context, host string) (*url.URL, error) {
	base := &url.URL{Scheme: "http", Host: host}
	status, err := ask(ctx, base)
	if err != nil || status == http.StatusBadRequest {
		secure := &url.URL{Scheme: "https", Host: host}
		if s, e := ask(ctx, secure); e == nil {
			base, status, err = secure, s, nil
		}
	}
	if err == nil && status >= http.StatusInternalServerError {
		err = fmt.Errorf("%s/v2/ answers %d", base, status)
	}
	return base, err
}

// ask returns the status of the root of the API. It does not check the
// certificate: nothing is sent but the question whether a server is there.
func ask(ctx context.Context, base *url.URL) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("v2").String()+"/", nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}
