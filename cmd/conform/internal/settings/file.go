package settings

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// defaultFile is read if it is there.
const defaultFile = "oci-conformance.yaml"

// maxFile bounds the file.
const maxFile = 1 << 20

// A file is the part of oci-conformance.yaml that means something here. What it
// leaves out is nil.
type file struct {
	path string

	Registry   *string `yaml:"registry"`
	TLS        *string `yaml:"tls"`
	Repo1      *string `yaml:"repo1"`
	Repo2      *string `yaml:"repo2"`
	Username   *string `yaml:"username"`
	Password   *string `yaml:"password"`
	ResultsDir *string `yaml:"resultsDir"`
	APIs       struct {
		Pull     *bool `yaml:"pull"`
		Push     *bool `yaml:"push"`
		Referrer *bool `yaml:"referrer"`
		Blobs    struct {
			Delete         *bool `yaml:"delete"`
			MountAnonymous *bool `yaml:"mountAnonymous"`
			UploadCancel   *bool `yaml:"uploadCancel"`
		} `yaml:"blobs"`
		Manifests struct {
			Delete   *bool `yaml:"delete"`
			TagParam *bool `yaml:"tagParam"`
		} `yaml:"manifests"`
		Tags struct {
			Delete *bool `yaml:"delete"`
			List   *bool `yaml:"list"`
		} `yaml:"tags"`
	} `yaml:"apis"`
	Data struct {
		Sha512 *bool `yaml:"sha512"`
	} `yaml:"data"`
	ROData struct {
		Tags      words `yaml:"tags"`
		Manifests words `yaml:"manifests"`
	} `yaml:"roData"`
}

// words is a list, which a variable has with spaces.
type words []string

func (w words) text() *string {
	if len(w) == 0 {
		return nil
	}
	s := strings.Join(w, " ")
	return &s
}

// readFile returns the zero file if none is there and none was asked for.
func readFile(env func(string) (string, bool)) (file, error) {
	path, named := env("OCI_CONFIGURATION")
	if !named || path == "" {
		path, named = defaultFile, false
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && !named:
		return file{}, nil
	case err != nil:
		return file{}, fmt.Errorf("configuration %s: %w", path, errors.Unwrap(err))
	case info.Size() > maxFile:
		return file{}, fmt.Errorf("configuration %s: longer than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return file{}, fmt.Errorf("configuration %s: %w", path, errors.Unwrap(err))
	}
	f := file{path: path}
	if err := yaml.Unmarshal(data, &f); err != nil {
		return file{}, syntaxError(path, err)
	}
	f.path = path
	// The official suite takes an empty string for one that is left out.
	for _, s := range []**string{&f.Registry, &f.TLS, &f.Repo1, &f.Repo2, &f.Username, &f.Password, &f.ResultsDir} {
		if *s != nil && **s == "" {
			*s = nil
		}
	}
	return f, nil
}

// syntaxError puts an error of the YAML parser in one line.
func syntaxError(path string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		at := y.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, y.GetMessage())
	}
	return fmt.Errorf("%s: not the YAML of a configuration", path)
}
