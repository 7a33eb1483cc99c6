package storage_test

import (
	"testing"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// drivers are those that the tests run over.
var drivers = map[string]func(*testing.T) driver.Driver{
	"inmemory": func(*testing.T) driver.Driver { return inmemory.New(inmemory.Parameters{}) },
	"filesystem": func(t *testing.T) driver.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
		must(t, err)
		return d
	},
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract(t, func(t *testing.T) registry.Registry { return storage.New(open(t), storage.Options{}) })
		})
	}
}
