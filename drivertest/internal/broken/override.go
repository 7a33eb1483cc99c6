package broken

import (
	"context"
	"io"
	"net/http"
)

// override is a driver some of whose methods are replaced. A nil function leaves the method be.
type override struct {
	Driver
	name     func() string
	get      func(ctx context.Context, path string) ([]byte, error)
	put      func(ctx context.Context, path string, content []byte) error
	reader   func(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	writer   func(ctx context.Context, path string, app bool) (Writer, error)
	stat     func(ctx context.Context, path string) (Info, error)
	list     func(ctx context.Context, path string) ([]string, error)
	move     func(ctx context.Context, from, to string) error
	del      func(ctx context.Context, path string) error
	redirect func(r *http.Request, path string) (string, error)
	walk     func(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error
}

func (o override) Name() string {
	if o.name != nil {
		return o.name()
	}
	return o.Driver.Name()
}

func (o override) GetContent(ctx context.Context, path string) ([]byte, error) {
	if o.get != nil {
		return o.get(ctx, path)
	}
	return o.Driver.GetContent(ctx, path)
}

func (o override) PutContent(ctx context.Context, path string, content []byte) error {
	if o.put != nil {
		return o.put(ctx, path, content)
	}
	return o.Driver.PutContent(ctx, path, content)
}

func (o override) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if o.reader != nil {
		return o.reader(ctx, path, offset)
	}
	return o.Driver.Reader(ctx, path, offset)
}

func (o override) Writer(ctx context.Context, path string, app bool) (Writer, error) {
	if o.writer != nil {
		return o.writer(ctx, path, app)
	}
	return o.Driver.Writer(ctx, path, app)
}

func (o override) Stat(ctx context.Context, path string) (Info, error) {
	if o.stat != nil {
		return o.stat(ctx, path)
	}
	return o.Driver.Stat(ctx, path)
}

func (o override) List(ctx context.Context, path string) ([]string, error) {
	if o.list != nil {
		return o.list(ctx, path)
	}
	return o.Driver.List(ctx, path)
}

func (o override) Move(ctx context.Context, from, to string) error {
	if o.move != nil {
		return o.move(ctx, from, to)
	}
	return o.Driver.Move(ctx, from, to)
}

func (o override) Delete(ctx context.Context, path string) error {
	if o.del != nil {
		return o.del(ctx, path)
	}
	return o.Driver.Delete(ctx, path)
}

func (o override) RedirectURL(r *http.Request, path string) (string, error) {
	if o.redirect != nil {
		return o.redirect(r, path)
	}
	return o.Driver.RedirectURL(r, path)
}

func (o override) Walk(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error {
	if o.walk != nil {
		return o.walk(ctx, path, f, options...)
	}
	return o.Driver.Walk(ctx, path, f, options...)
}

// overWriter is a Writer some of whose methods are replaced.
type overWriter struct {
	Writer
	write  func(p []byte) (int, error)
	size   func() int64
	cancel func(ctx context.Context) error
	commit func(ctx context.Context) error
	close  func() error
}

func (o *overWriter) Write(p []byte) (int, error) {
	if o.write != nil {
		return o.write(p)
	}
	return o.Writer.Write(p)
}

func (o *overWriter) Size() int64 {
	if o.size != nil {
		return o.size()
	}
	return o.Writer.Size()
}

func (o *overWriter) Cancel(ctx context.Context) error {
	if o.cancel != nil {
		return o.cancel(ctx)
	}
	return o.Writer.Cancel(ctx)
}

func (o *overWriter) Commit(ctx context.Context) error {
	if o.commit != nil {
		return o.commit(ctx)
	}
	return o.Writer.Commit(ctx)
}

func (o *overWriter) Close() error {
	if o.close != nil {
		return o.close()
	}
	return o.Writer.Close()
}

// Wrong is a driver that is wrong in one way.
type Wrong struct {
	// Fault says what is wrong; Rule is the id of the rule that names it.
	Fault, Rule string
	// Open makes handles to one store over the sound driver.
	Open func(m *Memory) func() Driver
	// Chunked is Open for a given part size, where that is what is wrong.
	Chunked func(m *Memory, part int64) Driver
	// Failing wraps a store whose back-end fails.
	Failing func(f *Failing) Driver
	// Limited is Open under a concurrency limit.
	Limited func(m *Memory, limit int) Driver
	// Rooted is Open with a root directory.
	Rooted func(m *Memory, root string) Driver
	// Metered is a store that counts the calls to its back-end, under a limit.
	Metered func(limit int) *Meter
	// Keys lists where the content of a store lies.
	Keys func(m *Memory) ([]string, error)
	// Spread is Open with a directory on another file system.
	Spread func(m *Memory, far string) Driver
	// Misplaced is Open on a root that isn't there.
	Misplaced func() Driver
	// Wrapped is Open through a stack of middleware over a sound driver.
	Wrapped func(d Driver) Driver
	// Residue makes what lists what unfinished uploads have left.
	Residue func() func() ([]string, error)
	// Parts tells the sizes of the parts that an object was committed in.
	Parts func(path string) ([]int64, error)
	// Marker puts a marker of a directory into the store opened last.
	Marker func(path string) error
	// Fetch answers a request to a redirect of the store opened last.
	Fetch func(*http.Request) (*http.Response, error)
	// Sparse places an object of zeros in the store opened last.
	Sparse func(path string, size int64) error
	// Journal breaks the journal of a store that survives its process; Crashed wraps the store.
	Journal func(*Journal)
	Crashed func(m *Memory) Driver
}

// one makes a Wrong whose handles share one decorator.
func one(fault, rule string, f func(m *Memory) override) Wrong {
	return Wrong{Fault: fault, Rule: rule, Open: func(m *Memory) func() Driver {
		o := f(m)
		if o.Driver == nil {
			o.Driver = m
		}
		return func() Driver { return o }
	}}
}

// each makes a Wrong whose handles have a decorator each.
func each(fault, rule string, f func(m *Memory) override) Wrong {
	return Wrong{Fault: fault, Rule: rule, Open: func(m *Memory) func() Driver {
		return func() Driver {
			o := f(m)
			if o.Driver == nil {
				o.Driver = m
			}
			return o
		}
	}}
}

// written makes a Wrong whose writers are replaced.
func written(fault, rule string, f func(m *Memory, w Writer, path string, app bool) Writer) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{writer: func(ctx context.Context, path string, app bool) (Writer, error) {
			w, err := m.Writer(ctx, path, app)
			if err != nil {
				return nil, err
			}
			return f(m, w, path, app), nil
		}}
	})
}

// Drivers returns every wrong driver.
func Drivers() []Wrong {
	var all []Wrong
	for _, l := range [][]Wrong{
		factoryFaults(), pathFaults(), contentFaults(), readerFaults(), writeFaults(), writerFaults(), resumeFaults(), partFaults(), statFaults(),
		listFaults(), moveFaults(), deleteFaults(), walkFaults(), redirectFaults(), errorFaults(), contextFaults(), concurrencyFaults(),
		consistencyFaults(), modelFaults(), linearFaults(), crashFaults(), backendFaults(), leakFaults(), largeFaults(), wrapperFaults(),
		registryFaults(), inspectedFaults(), pathShoulds(), contentShoulds(), readerShoulds(), writerShoulds(), treeShoulds(),
		walkShoulds(), contextShoulds(), errorShoulds(), leftovers(), weatherFaults(), wrapperShoulds(),
	} {
		all = append(all, l...)
	}
	return all
}
