package backends

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/registryconform/conform/ci/need"
)

// Azure is a server of Azure Blob Storage with an account. It has no container.
type Azure struct {
	URL     *url.URL // of the account
	Account string
	Key     string
}

// Parameters returns the parameters of a driver over a container of the account,
// under the names that a configuration has for them.
func (a Azure) Parameters(container string) map[string]any {
	return map[string]any{
		"serviceurl": a.URL.String(), "accountname": a.Account, "accountkey": a.Key, "container": container,
	}
}

// StartAzure starts Azurite, at the version that ci/azurite.sh pins, over a
// directory of its own. It is ended with the test. Where it cannot be installed
// the test ends as package need says.
func StartAzure(tb testing.TB) Azure {
	tb.Helper()
	// The account that Azurite has if it is told of no other.
	a := Azure{
		Account: "devstoreaccount1",
		Key:     "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
	}
	command := exec.Command("node", azurite(tb), "--blobHost", "127.0.0.1", "--blobPort", "0",
		"--location", tb.TempDir(), "--skipApiVersionCheck", "--disableTelemetry", "--silent")
	address := need.Server(tb, command, regexp.MustCompile(`successfully listens on http://(\S+)`))
	a.URL = &url.URL{Scheme: "http", Host: address, Path: "/" + a.Account}
	return a
}

// azurite returns the program of Azurite, for node.
func azurite(tb testing.TB) string {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), filepath.Join(need.Root(tb), "ci", "azurite.sh"))
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		need.Missing(tb, "Azurite", "ci/azurite.sh: "+err.Error()+"\n"+stderr.String())
	}
	return strings.TrimSpace(string(out))
}
