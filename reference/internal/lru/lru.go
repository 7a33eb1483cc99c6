// Package lru keeps what was used last, as much of it as a bound allows.
package lru

import "container/list"

// A Cache holds values by key. When their costs exceed Bound, those go that were
// used least lately. The zero value holds nothing; one with a Bound is ready. It is
// for one goroutine at a time.
type Cache[K comparable, V any] struct {
	// Bound is what the values may cost together, in the unit of Put.
	Bound int

	used  int
	order list.List // of *entry[K, V], the latest in front
	byKey map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
	cost  int
}

// Get returns the value of a key, and takes it for used.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	e := c.byKey[key]
	if e == nil {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Has reports whether there is a value, without using it.
func (c *Cache[K, V]) Has(key K) bool { return c.byKey[key] != nil }

// Len returns how many values there are.
func (c *Cache[K, V]) Len() int { return len(c.byKey) }

// Cost returns what the values cost together.
func (c *Cache[K, V]) Cost() int { return c.used }

// Put sets the value of a key. One that costs more than the bound is not kept.
func (c *Cache[K, V]) Put(key K, value V, cost int) {
	c.Delete(key)
	if c.byKey == nil {
		c.byKey = map[K]*list.Element{}
	}
	c.byKey[key] = c.order.PushFront(&entry[K, V]{key, value, cost})
	for c.used += cost; c.used > c.Bound; {
		c.DropOldest()
	}
}

// Delete forgets the value of a key, if there is one.
func (c *Cache[K, V]) Delete(key K) {
	if e := c.byKey[key]; e != nil {
		c.drop(e)
	}
}

// DropOldest forgets the value that was used least lately, if there is any.
func (c *Cache[K, V]) DropOldest() {
	if e := c.order.Back(); e != nil {
		c.drop(e)
	}
}

func (c *Cache[K, V]) drop(e *list.Element) {
	last := c.order.Remove(e).(*entry[K, V])
	delete(c.byKey, last.key)
	c.used -= last.cost
}
