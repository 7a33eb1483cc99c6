package drivertest_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
)

// soundStore adapts a fresh sound store with several handles.
func soundStore() drivertest.Target {
	m := broken.New()
	return drivertest.AdaptStore(func() *broken.Memory { return m })
}

func soundConfig() drivertest.Config {
	return drivertest.Config{
		SkipDir: broken.ErrSkipDir, FilledBuffer: broken.ErrFilledBuffer, Exclusive: true,
	}
}

func TestRunStoreSound(t *testing.T) {
	cfg := soundConfig()
	cfg.Hooks.Reopen = func(dir string) (drivertest.Target, error) {
		m, err := broken.Reopen(dir, nil)
		return drivertest.AdaptStore(func() *broken.Memory { return m }), err
	}
	drivertest.RunStore(t, func(testing.TB) func() *broken.Memory {
		m := broken.New()
		return func() *broken.Memory { return m }
	}, cfg)
}

// TestSoundSeeds demands that no rule fails a sound driver, whatever the seed. DRIVERTEST_SEEDS
// sets how many seeds are tried.
func TestSoundSeeds(t *testing.T) {
	seeds := 3
	if n, err := strconv.Atoi(os.Getenv("DRIVERTEST_SEEDS")); err == nil {
		seeds = n
	} else if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		cfg := soundConfig()
		cfg.Seed = uint64(seed + 1)
		began := time.Now()
		rep := drivertest.Check(t.Context(), soundStore(), cfg)
		for _, res := range rep.Results {
			if res.Outcome == drivertest.Failed {
				t.Errorf("seed %d: %s", cfg.Seed, res)
			}
			if testing.Verbose() && res.Duration > 100*time.Millisecond {
				t.Logf("%s took %s", res.ID, res.Duration.Round(time.Millisecond))
			}
		}
		if err := rep.Err(); err != nil {
			t.Errorf("seed %d: %v", cfg.Seed, err)
		}
		t.Logf("seed %d: %v in %s", cfg.Seed, rep.Totals(), time.Since(began).Round(time.Millisecond))
	}
}
