package main

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/reference/driver/azure"
)

// TestDriverOverServer runs the scripts that need an S3 server.
func TestDriverOverServer(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	serverScripts(t, "s3", map[string]string{
		"S3_URL": server.URL.String(), "S3_BUCKET": server.Bucket, "S3_KEY": server.AccessKey, "S3_SECRET": server.SecretKey,
	})
}

// TestDriverOverAzure runs the scripts that need a server of Azure Blob Storage.
func TestDriverOverAzure(t *testing.T) {
	t.Parallel()
	server := backends.StartAzure(t)
	d, err := embedded.OpenDriver("azure", server.Parameters("conform"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.(*azure.Driver).CreateContainer(t.Context()); err != nil {
		t.Fatal(err)
	}
	serverScripts(t, "azure", map[string]string{
		"AZURE_URL": server.URL.String(), "AZURE_ACCOUNT": server.Account, "AZURE_CONTAINER": "conform",
		"AZURE_KEY": server.Key, "AZURE_KEY_PATTERN": regexp.QuoteMeta(server.Key),
	})
}

// serverScripts runs the scripts of a folder in the environment of a server.
func serverScripts(t *testing.T, folder string, server map[string]string) {
	t.Helper()
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 filepath.Join("testdata", folder),
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("HOME", env.WorkDir)
				env.Setenv("NO_PROXY", "*")
				for name, value := range server {
					env.Setenv(name, value)
				}
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		})
	})
}

// TestServedParameters points drivers at the server in a container, unless they
// are told of another.
func TestServedParameters(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "http", Host: "127.0.0.1:10000"}
	for _, c := range []struct{ name, given, where, want string }{
		{"s3", "", "regionendpoint", "http://127.0.0.1:10000"},
		{"azure", "", "serviceurl", "http://127.0.0.1:10000/account"},
		{"azure", "https://other/account", "serviceurl", "https://other/account"},
	} {
		st := &store{name: c.name, params: map[string]any{"accountname": "account"}}
		if c.given != "" {
			st.params[c.where] = c.given
		}
		if got := st.at(base)[c.where]; got != c.want {
			t.Errorf("%s, given %q: %v; want %s", c.name, c.given, got, c.want)
		}
	}
}

// serverImage is a Dockerfile of an S3 server that keeps its content in the
// container.
const serverImage = `FROM scratch
COPY versitygw /versitygw
COPY data /data
ENV ROOT_ACCESS_KEY=conform ROOT_SECRET_KEY=conform-secret-key
ENTRYPOINT ["/versitygw", "--quiet", "--port", ":7070", "posix", "/data"]
`

// TestDriverOverContainer judges the driver s3 over a server that the command
// itself builds, starts in a container and points the driver at.
func TestDriverOverContainer(t *testing.T) {
	t.Parallel()
	need.Engine(t)
	program, err := os.ReadFile(need.Tool(t, "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"Dockerfile": []byte(serverImage), "versitygw": program, "data/keep": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the command when it is called by its name.
	link := filepath.Join(t.TempDir(), "conform")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(link, "driver", "s3", "--dockerfile", dir, "--port", "7070",
		"--param", "bucket=fresh", "--param", "accesskey=conform", "--param", "secretkey=conform-secret-key",
		"--select", "cont-*,list-0*,move-0*", "--out", t.TempDir())
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil || !strings.Contains(out.String(), "\nConformant: ") {
		t.Errorf("%v: %v\n%s%s", command, err, out.String(), errs.String())
	}
}
