package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"runtime"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/server"
)

// A debugServer tells at an address of its own how the process is doing: what is
// there is not for the clients of the registry.
type debugServer struct {
	server *http.Server
	host   string
}

// startDebug starts a server at addr. Requests to cache are told if it is not
// nil; what the server itself has to complain of goes to log.
func startDebug(ctx context.Context, addr string, cache *cache.Counted, log *slog.Logger) (*debugServer, error) {
	listener, err := listen(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("debug address %w", err)
	}
	d := &debugServer{server.NewHTTP(debugHandler(cache)), listener.Addr().String()}
	d.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	go d.server.Serve(listener)
	return d, nil
}

// Close ends the server; requests under way are cut off.
func (d *debugServer) Close() error { return d.server.Close() }

// debugHandler answers /debug/vars and the profiles below /debug/pprof/ as
// packages expvar and net/http/pprof do, but for the command line, which may
// hold a password.
func debugHandler(cache *cache.Counted) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, _ *http.Request) {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		vars := map[string]any{"memstats": memory, "goroutines": runtime.NumGoroutine()}
		if cache != nil {
			vars["registry.storage.cache"] = cache.Metrics()
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(vars)
	})
	return mux
}
