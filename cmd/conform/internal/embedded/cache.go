package embedded

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9/logging"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/cache/redis"
	"github.com/registryconform/conform/reference/registry"
)

// openCache returns the cache that s names: none (the default), memory, or a
// server by its URL.
func (r *Registry) openCache(s string) (registry.DescriptorCache, error) {
	switch {
	case s == "" || s == "none":
		return nil, nil
	case s == "memory":
		return cache.NewMemory(cache.MemoryOptions{}), nil
	case strings.HasPrefix(s, "redis://"), strings.HasPrefix(s, "rediss://"):
		o, err := redis.ParseURL(s)
		if err != nil {
			return nil, fmt.Errorf("cache: %w", err)
		}
		logging.Disable() // the library prints what it returns as well
		c := redis.New(o)
		r.held = append(r.held, c)
		return c, nil
	}
	// The value may hold a password.
	return nil, errors.New("cache: want none, memory or redis://HOST:PORT/DB")
}
