package faulty

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// A Stop holds a call up before it does anything, so that a test can let others go
// on meanwhile. Make one with [StopAt], and a driver that heeds it with [Stopping].
type Stop struct {
	// Pass takes what becomes of the call: nil lets it go on, an error fails it.
	Pass chan error

	match   Match
	left    int
	reached chan struct{}
}

// A Match says which calls a [Stop] is about.
type Match func(op Op, path string) bool

// On matches the calls of a kind on paths that contain part.
func On(want Op, part string) Match {
	return func(op Op, path string) bool { return op == want && strings.Contains(path, part) }
}

// StopAt returns the stop of the n-th call, from 1, that match takes.
func StopAt(n int, match Match) *Stop {
	return &Stop{Pass: make(chan error, 1), match: match, left: n, reached: make(chan struct{})}
}

// FailAt returns a stop that fails the first call that match takes.
func FailAt(match Match) *Stop {
	s := StopAt(1, match)
	s.Pass <- errStopped
	return s
}

var errStopped = errors.New("killed, or at fault")

// Await waits until the call has come, and fails if it does not within a minute.
func (s *Stop) Await() error {
	select {
	case <-s.reached:
		return nil
	case <-time.After(time.Minute):
		return errors.New("the call that is to be held up did not come")
	}
}

// Stopping returns inner with stops. It is safe for concurrent use.
func Stopping(inner driver.Driver, stops ...*Stop) *Driver {
	var mu sync.Mutex
	return Wrap(inner, func(op Op, path string) error {
		for _, s := range stops {
			mu.Lock()
			hit := s.match(op, path)
			if hit {
				s.left--
				hit = s.left == 0
			}
			mu.Unlock()
			if hit {
				close(s.reached)
				if err := <-s.Pass; err != nil {
					return err
				}
			}
		}
		return nil
	})
}
