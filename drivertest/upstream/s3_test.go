package upstream

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	s3 "github.com/distribution/distribution/v3/registry/storage/driver/s3-aws"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/drivertest"
)

func TestS3(t *testing.T) {
	server := backends.StartS3(t)
	// With it, the SDK of that driver changes the transport that all share, at
	// each call of its constructor.
	t.Setenv("AWS_CA_BUNDLE", "")
	cfg := strict()
	// What takes time is the way to the server and back.
	cfg.Parallel = 8
	// The server appends to the names of files.
	cfg.Semantics = drivertest.Semantics{WeakDelete: true, WeakMove: true}
	cfg.Limits = drivertest.Limits{MaxComponent: 220, MaxPath: 800, MinPart: 5 << 20}
	// Requests for one key that race make the server itself fail, now and then, and
	// its listings show names of its own while it writes (TestServerRaces of our driver).
	for _, rule := range drivertest.Checks() {
		if !strings.HasPrefix(rule.ID, "CONC-") && !strings.HasPrefix(rule.ID, "LINZ-") && rule.ID != "LIST-12" {
			cfg.Only = append(cfg.Only, rule.ID)
		}
	}
	cfg.Hooks.Secrets = []string{server.SecretKey}
	var roots atomic.Int64
	compare(t, goldenS3(), cfg, func(tb testing.TB) drivertest.Target {
		settings := map[string]any{"rootdirectory": fmt.Sprintf("root%d", roots.Add(1)), "region": "us-east-1", "secure": false, "forcepathstyle": true, "loglevel": "off"}
		maps.Copy(settings, server.Parameters())
		return drivertest.AdaptStore(func() *s3.Driver {
			d, err := s3.FromParameters(context.Background(), settings)
			if err != nil {
				tb.Error(err)
			}
			return d
		})
	})
}

func goldenS3() []finding {
	const (
		sizeLate  = "Size counts only what was flushed into parts, not what the Writer still holds"
		siblings  = "Stat takes any key that begins with the path for proof of a directory, siblings too"
		walkNone  = "Walk of a prefix without keys returns nil"
		byteOrder = "Walk goes by the byte order of keys, and takes a hint for a key to start after"
		uploads   = "append takes the first upload with the key, and neither Delete nor a new Writer aborts older ones"
	)
	return append(because(map[string][]string{
		sizeLate:                   {"WRIT-06", "WRIT-19", "RESU-01", "RESU-03", "RESU-04", "RESU-05", "RESU-07", "RESU-08", "RESU-13", "CHNK-02", "CHNK-03"},
		siblings:                   {"RESU-06", "STAT-02", "STAT-05", "DELE-03", "DELE-04", "MODL-01", "MODL-02", "MODL-03"},
		siblings + "; " + walkNone: {"DELE-07"},
		walkNone:                   {"LIST-14", "MOVE-01", "DELE-01", "DELE-02", "WALK-12", "ERRS-01", "ERRS-03", "ERRS-05"},
		byteOrder:                  {"WALK-05", "WALK-14", "WALK-15", "WALK-23", "REGI-02"},
		uploads:                    {"RESU-09", "DELE-10"},
		closedTwice:                {"WRIT-11", "WRIT-15"},
		noUnwrap:                   {"WALK-10", "ERRS-04", "CTXT-02", "CTXT-04"},
		"Delete that finds only keys of siblings returns nil":       {"DELE-05", "MODL-06"},
		"the context that opened a Writer is that of all its calls": {"CTXT-06"},
	}),
		finding{rule: sealed("TestS3", "PATH-03"), cause: withheld},
		finding{rule: "STAT-09", cause: siblings, sometimes: true},
		finding{rule: "MODL-07", cause: siblings, sometimes: true},
	)
}

// because lists rules by their cause.
func because(byCause map[string][]string) []finding {
	var all []finding
	for cause, rules := range byCause {
		for _, rule := range rules {
			all = append(all, finding{rule: rule, cause: cause})
		}
	}
	return all
}
