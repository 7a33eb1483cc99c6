package main

import (
	"os"

	"golang.org/x/term"

	"github.com/registryconform/conform/conformance/report"
)

// consoleOptions says what standard output is like.
func consoleOptions(s streams) report.ConsoleOptions {
	var o report.ConsoleOptions
	file, ok := s.out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return o
	}
	o.Live = os.Getenv("TERM") != "dumb"
	o.Color = o.Live && os.Getenv("NO_COLOR") == ""
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		o.Width = width
	}
	return o
}
