package embedded

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis/go-redis/v9/logging"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/cache/redis"
	"github.com/registryconform/conform/reference/registry"
)

// openCache returns the cache that s names: none (the default), memory, or a
// server by its URL. The closer is nil where there is nothing to close.
func openCache(s string) (registry.DescriptorCache, io.Closer, error) {
	switch {
	case s == "" || s == "none":
		return nil, nil, nil
	case s == "memory":
		return cache.NewMemory(cache.MemoryOptions{}), nil, nil
	case strings.HasPrefix(s, "redis://"), strings.HasPrefix(s, "rediss://"):
		o, err := redis.ParseURL(s)
		if err != nil {
			return nil, nil, fmt.Errorf("cache: %w", err)
		}
		logging.Disable() // the library prints what it returns as well
		c := redis.New(o)
		return c, c, nil
	}
	// The value may hold a password.
	return nil, nil, errors.New("cache: want none, memory or redis://HOST:PORT/DB")
}
