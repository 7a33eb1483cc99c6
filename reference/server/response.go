package server

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

const (
	contentJSON = "application/json"
	// sendPiece is how much of a blob must reach the client within the
	// stall time-out.
	sendPiece = 1 << 20
	// receivePiece is how much of a blob is read at once.
	receivePiece = 128 << 10
)

// A response counts what is written, drops the body of an answer to HEAD, and
// gives the client a fresh deadline for each piece.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	until   time.Time // the deadline
	head    bool
	status  int // 0: nothing was written
	written int64
}

func newResponse(w http.ResponseWriter, r *http.Request, stall time.Duration) *response {
	out := &response{ResponseWriter: w, control: http.NewResponseController(w), stall: stall, head: r.Method == http.MethodHead}
	out.extend()
	return out
}

// extend gives the client the whole time-out, or nearly so: a deadline that is
// young is left as it is.
func (w *response) extend() {
	until := time.Now().Add(w.stall)
	if until.Sub(w.until) > w.stall/16 {
		w.until = until
		// It can fail only where there is no connection, as in a test.
		_ = w.control.SetWriteDeadline(until)
	}
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.head {
		return len(p), nil
	}
	w.extend()
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// ReadFrom lets the connection take the bytes from a file by itself, a piece
// at a time. The connection looks for a file behind one limit, and no more.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.head {
		return 0, nil
	}
	rest := &io.LimitedReader{R: r, N: math.MaxInt64}
	if limited, ok := r.(*io.LimitedReader); ok {
		rest = limited
	}
	var total int64
	for rest.N > 0 {
		w.extend()
		size := min(rest.N, sendPiece)
		n, err := io.CopyN(w.ResponseWriter, rest.R, size)
		rest.N -= n
		total += n
		w.written += n
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Unwrap serves [http.ResponseController].
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A body gives the client a fresh deadline for each read.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	failed  bool
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(b.stall))
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		// The connection is watched while the call goes on; that must
		// not end with the deadline of the body.
		_ = b.control.SetReadDeadline(time.Time{})
	case err != nil:
		b.failed = true
		err = &bodyError{err}
	}
	return n, err
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (c *call) json(contentType string, body []byte) error {
	writeJSON(c.w, http.StatusOK, contentType, body)
	return nil
}

// empty answers without a body.
func (c *call) empty(status int) error {
	if status != http.StatusNoContent {
		c.w.Header().Set("Content-Length", "0")
	}
	c.w.WriteHeader(status)
	return nil
}
