package frontdoor

import (
	"context"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/s3"
)

// start starts a server in a container, which ends with the test, and returns
// what our driver takes to use it.
func start(tb testing.TB) s3.Parameters {
	server, err := testcontainers.Run(tb.Context(), "",
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: "testdata/server"}),
		testcontainers.WithExposedPorts("7070/tcp"),
		testcontainers.WithWaitStrategy(wait.ForListeningPort("7070/tcp").SkipInternalCheck()),
	)
	testcontainers.CleanupContainer(tb, server)
	if err != nil {
		tb.Fatal(err)
	}
	url, err := server.PortEndpoint(tb.Context(), "7070/tcp", "http")
	if err != nil {
		tb.Fatal(err)
	}
	p := s3.Parameters{RegionEndpoint: url, Bucket: "fresh", AccessKey: "conform", SecretKey: "conform-secret-key"}
	if err := open(tb, p).CreateBucket(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return p
}

func open(tb testing.TB, p s3.Parameters) *s3.Driver {
	d, err := s3.New(p)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// known adds what we know of our driver and its server.
func known(c drivertest.Config) drivertest.Config {
	c.SkipDir, c.FilledBuffer = driver.ErrSkipDir, driver.ErrFilledBuffer
	c.Semantics = drivertest.Semantics{AppendCreates: true, WeakDelete: true, WeakMove: true}
	c.Limits = drivertest.Limits{MaxComponent: 220, MaxPath: 800}
	return c
}

// Every rule is a subtest with a store of its own: go test -run TestDriver/walk
func testDriver(t *testing.T) {
	p := start(t)
	config := known(drivertest.Config{})
	config.Only = few() // not in the README
	drivertest.RunStore(t, func(tb testing.TB) func() *s3.Driver {
		p := p
		p.RootDirectory = tb.Name()
		return func() *s3.Driver { return open(tb, p) }
	}, config)
}

// Every rule is a Ginkgo spec, and the report is like that of a registry.
func testDriverSpecs(t *testing.T) {
	d := open(t, start(t))
	rep, err := conformance.Run(t.Context(), conformance.Driver{
		Name: d.Name(),
		Check: func(ctx context.Context, c drivertest.Config) drivertest.Report {
			return drivertest.Check(ctx, drivertest.Adapt(d), known(c))
		},
	}, conformance.Options{
		Select: lower(few()), // not in the README
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.WriteFiles("reports", rep, report.Formats()...); err != nil {
		t.Error(err)
	}
	if rep.Verdict.Exit != report.ExitConformant {
		t.Error(rep.Verdict.Summary)
	}
}
