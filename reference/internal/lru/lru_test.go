package lru

import "testing"

func TestBound(t *testing.T) {
	t.Parallel()
	c := Cache[int, int]{Bound: 1000}
	for i := range 100 {
		c.Put(i%60, i, 100)
		if c.Cost() > c.Bound || c.order.Len() != c.Len() || c.Cost() != c.Len()*100 {
			t.Fatalf("%d bytes are kept of %d values, %d", c.Cost(), c.order.Len(), c.Len())
		}
	}
	if c.Len() != 10 {
		t.Errorf("%d values are kept", c.Len())
	}
	for key := range 60 {
		value, ok := c.Get(key)
		if want := key >= 30 && key < 40; ok != want || ok && value != key+60 {
			t.Errorf("%d: %d, %t", key, value, ok)
		}
	}
}

func TestLeastLatelyUsedGoes(t *testing.T) {
	t.Parallel()
	c := Cache[string, string]{Bound: 3}
	for _, key := range []string{"a", "b", "c"} {
		c.Put(key, "of "+key, 1)
	}
	c.Get("a")
	c.Has("b")
	c.Put("d", "of d", 1)
	has := func(want string) {
		t.Helper()
		got := ""
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			if c.Has(key) {
				got += key
			}
		}
		if got != want {
			t.Errorf("%q are kept, want %q", got, want)
		}
	}
	has("acd")
	c.Put("e", "costs two", 2)
	has("de")
	c.Put("d", "costs more than there is room", 4)
	has("")
	c.Put("a", "again", 1)
	c.Put("b", "again", 1)
	c.Delete("a")
	c.Delete("c")
	has("b")
	c.Put("a", "the latest", 1)
	c.DropOldest()
	has("a")
	c.Delete("a")
	c.DropOldest()
	if has(""); c.Cost() != 0 {
		t.Errorf("%d are used of nothing", c.Cost())
	}
}
