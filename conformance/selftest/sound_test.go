package selftest

import (
	"context"
	"net/url"
	"testing"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registrytest"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// run judges the registry at address under all profiles.
func run(t *testing.T, address string, o conformance.Options) *report.Report {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	o.Profile = requirement.ProfileAll
	rep, err := conformance.Run(context.Background(), conformance.Registry{URL: u}, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// reference starts the reference with all that it can do.
func reference(t *testing.T, opts ...registrytest.Option) *registrytest.Registry {
	t.Helper()
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	return registrytest.New(t, append(opts,
		registrytest.WithServer(server.Options{Manifests: table}),
		registrytest.WithStorage(storage.Options{Manifests: table}))...)
}

// TestSoundReference demands that the reference passes every spec.
func TestSoundReference(t *testing.T) {
	rep := run(t, reference(t).URL, conformance.Options{Seed: "sound"})
	for _, r := range rep.Results {
		switch r.Outcome {
		case report.Passed, report.Unsupported:
		default:
			t.Errorf("%s (%s): %s\n%s", r.ID, r.Spec, r.Outcome, r.Message)
		}
		if r.Outcome == report.Unsupported {
			t.Logf("%s (%s): %s\n%s", r.ID, r.Spec, r.Outcome, r.Message)
		}
	}
	t.Logf("%s; %v", rep.Verdict.Summary, rep.Ended.Sub(rep.Started))
	for _, n := range rep.Notes {
		t.Errorf("note: %s", n)
	}
}
