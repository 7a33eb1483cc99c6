package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ParseURL returns the options that s spells:
//
//	redis[s]://[USER:PASSWORD@]HOST[:PORT][/DB][?namespace=NAME&ttl=5m&timeout=250ms]
//
// rediss is encrypted. Errors never hold the password.
func ParseURL(s string) (Options, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return Options{}, errors.New("redis: the URL has not the form redis://HOST:PORT/DB")
	}
	o := Options{Addr: net.JoinHostPort(u.Hostname(), "6379"), Username: u.User.Username()}
	if u.Port() != "" {
		o.Addr = u.Host
	}
	o.Password, _ = u.User.Password()
	switch u.Scheme {
	case "redis":
	case "rediss":
		o.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	default:
		return Options{}, fmt.Errorf("redis: the scheme is %q, want redis or rediss", u.Scheme)
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || o.DB < 0 {
			return Options{}, fmt.Errorf("redis: the database is %.20q, want a number", db)
		}
	}
	return o, o.query(u)
}

func (o *Options) query(u *url.URL) error {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("redis: the parameters of the URL can't be read")
	}
	for key, all := range values {
		var err error
		switch {
		case len(all) > 1 || all[0] == "":
			err = errors.New("want one value")
		case key == "namespace":
			o.Namespace = all[0]
		case key == "ttl":
			o.TTL, err = positive(all[0])
		case key == "timeout":
			o.Timeout, err = positive(all[0])
		default:
			err = errors.New("there is no such parameter")
		}
		if err != nil {
			return fmt.Errorf("redis: parameter %.40q of the URL: %w", key, err)
		}
	}
	return nil
}

func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%.40q is no time such as 5m", s)
	}
	return d, nil
}
