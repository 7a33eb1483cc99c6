package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/cache/redis"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	o, err := redis.ParseURL("rediss://me:p%40ss@example.com/3?namespace=x&ttl=2m&timeout=50ms")
	must(t, err)
	if o.Addr != "example.com:6379" || o.Username != "me" || o.Password != "p@ss" || o.DB != 3 || o.TLS == nil || o.TLS.ServerName != "example.com" {
		t.Errorf("%+v", o)
	}
	if o.Namespace != "x" || o.TTL != 2*time.Minute || o.Timeout != 50*time.Millisecond {
		t.Errorf("%+v", o)
	}
	if o, err = redis.ParseURL("redis://[::1]:7000"); err != nil || o.Addr != "[::1]:7000" || o.TLS != nil || o.DB != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{
		"", "redis", "redis://", "redis:127.0.0.1", "http://:secret@host", "redis://:secret@host/x", "redis://:secret@host/-1",
		"redis://:secret@host:port", "redis://:secret@host?ttl=5", "redis://:secret@host?ttl=-5s", "redis://:secret@host?ttl=",
		"redis://:secret@host?ttl=1s&ttl=2s", "redis://:secret@host?other=1", "redis://:secret@host?%zz", "redis://:secret%@host",
	} {
		if _, err := redis.ParseURL(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
