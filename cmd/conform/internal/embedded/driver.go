package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/azure"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/driver/s3"
)

// Drivers returns the names of the storage drivers, sorted.
func Drivers() []string { return []string{"azure", "filesystem", "inmemory", "s3"} }

// OpenDriver opens the storage driver of a name with parameters as its package
// reads them. The error names the parameter that is wrong, and holds no secret.
func OpenDriver(name string, params map[string]any) (driver.Driver, error) {
	switch name {
	case "azure":
		return checked(azure.New)(azure.ParseParameters(params))
	case "filesystem":
		if err := known(params, "rootdirectory"); err != nil {
			return nil, err
		}
		root, _ := params["rootdirectory"].(string)
		if root == "" {
			return nil, fmt.Errorf("parameter rootdirectory: not given")
		}
		return checked(filesystem.New)(filesystem.Parameters{Root: root}, nil)
	case "inmemory":
		if err := known(params); err != nil {
			return nil, err
		}
		return inmemory.New(inmemory.Parameters{}), nil
	case "s3":
		return checked(s3.New)(s3.ParseParameters(params))
	}
	return nil, fmt.Errorf("unknown driver %q: want one of %s", name, strings.Join(Drivers(), ", "))
}

// checked opens a driver whose parameters are right. After an error the driver
// is nil.
func checked[P any, D driver.Driver](open func(P) (D, error)) func(P, error) (driver.Driver, error) {
	return func(p P, err error) (driver.Driver, error) {
		if err != nil {
			return nil, err
		}
		d, err := open(p)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
}

// known refuses parameters that are not among the names.
func known(params map[string]any, names ...string) error {
	for name := range params {
		if !slices.Contains(names, name) {
			if len(names) == 0 {
				return fmt.Errorf("parameter %s: not known; the driver has none", name)
			}
			return fmt.Errorf("parameter %s: not known; the parameters are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}
