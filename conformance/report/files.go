package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Format is a file that a report can be written as.
type Format struct {
	File  string // its name
	Write func(io.Writer, *Report) error
	// Executable says that the file is a program.
	Executable bool
	// OnRequest says that the file isn't among those written by default.
	OnRequest bool
}

// Formats returns all formats: those written by default come first.
func Formats() []Format {
	return []Format{
		{File: "results.json", Write: WriteJSON},
		{File: "junit.xml", Write: WriteJUnit},
		{File: "report.html", Write: WriteHTML},
		{File: "repro.sh", Write: WriteRepro, Executable: true},
		{File: "wire.har", Write: WriteHAR, OnRequest: true},
		{File: "results.yaml", Write: WriteOfficial, OnRequest: true},
	}
}

// WriteFiles writes the report in the given formats into dir, which is made if it isn't there, and returns the
// paths of the files. A file is replaced as a whole or not at all. All formats are tried; the error joins what went
// wrong.
func WriteFiles(dir string, r *Report, formats ...Format) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("results directory: %w", err)
	}
	var paths []string
	var errs []error
	for _, f := range formats {
		path := filepath.Join(dir, f.File)
		if err := writeFile(path, r, f); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		paths = append(paths, path)
	}
	return paths, errors.Join(errs...)
}

func writeFile(path string, r *Report, f Format) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+f.File+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	buffered := bufio.NewWriter(tmp)
	if err := f.Write(buffered, r); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if f.Executable {
		mode = 0o755
	}
	if err := tmp.Chmod(mode); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return tmp.Close()
}
