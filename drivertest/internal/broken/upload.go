package broken

import (
	"context"
	"errors"
)

// upload is content that is not committed. It lives in the store between its writers.
type upload struct {
	content   []byte
	discarded bool
}

type writer struct {
	m         *Memory
	path      string
	u         *upload
	size      int64
	closed    bool
	committed bool
	cancelled bool
}

// Writer implements Driver. An upload that was closed goes on with append; without append it is
// discarded. Append to a committed object starts from its content.
func (m *Memory) Writer(ctx context.Context, path string, app bool) (Writer, error) {
	if err := m.enter(ctx, path, false); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if err := m.inTheWay(path); err != nil {
		return nil, err
	}
	old := m.pending[path]
	delete(m.pending, path)
	w := &writer{m: m, path: path, u: &upload{}}
	if app {
		o, ok := m.objects[path]
		switch {
		case old != nil:
			w.u = old
		case ok:
			w.u.content = append([]byte(nil), o.content...)
		default:
			return nil, PathNotFoundError{path, Name}
		}
		w.size = int64(len(w.u.content))
	} else if err := m.journal.drop(path); err != nil {
		return nil, failed(err)
	}
	return w, nil
}

var (
	errClosed    = failed(errors.New("the upload is closed"))
	errCommitted = failed(errors.New("the upload is committed"))
	errCancelled = failed(errors.New("the upload is cancelled"))
	errDiscarded = failed(errors.New("the upload was discarded"))
)

func (w *writer) state() error {
	switch {
	case w.committed:
		return errCommitted
	case w.cancelled:
		return errCancelled
	case w.closed:
		return errClosed
	}
	return nil
}

// Size implements Writer.
func (w *writer) Size() int64 {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	return w.size
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if err := w.state(); err != nil {
		return 0, err
	}
	w.u.content = append(w.u.content, p...)
	w.size += int64(len(p))
	return len(p), nil
}

// Commit implements Writer. The upload becomes the object, whatever happened at the path
// meanwhile, unless its directory was deleted.
func (w *writer) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if err := w.state(); err != nil {
		return err
	}
	if w.u.discarded {
		return errDiscarded
	}
	if err := w.m.store(w.path, w.u.content); err != nil {
		return err
	}
	w.committed = true
	w.u = &upload{}
	return nil
}

// Cancel implements Writer. It works after Close, and twice.
func (w *writer) Cancel(context.Context) error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.committed {
		return errCommitted
	}
	w.cancelled = true
	if w.m.pending[w.path] == w.u {
		delete(w.m.pending, w.path)
	}
	w.u = &upload{}
	return w.m.journal.drop(w.path)
}

// Close implements io.Closer. An upload that is neither committed nor cancelled waits for append.
func (w *writer) Close() error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.committed || w.cancelled || w.u.discarded {
		return nil
	}
	w.m.pending[w.path] = w.u
	return w.m.journal.keep(w.path, w.u.content)
}
