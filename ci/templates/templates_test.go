package templates_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/conformance/report"
)

func TestMain(m *testing.M) { os.Exit(need.WithConform(m)) }

// serve runs "conform serve" and returns the registry's URL.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	command := exec.Command("conform", append([]string{"serve", "--addr", "127.0.0.1:0"}, flags...)...)
	return need.Server(t, command, regexp.MustCompile(`^listening on (http://\S+)`))
}

// read decodes a YAML file of the folder ci; unknown fields are errors.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Root(t), "ci", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// run runs a script in dir and returns its exit status and its output. What the
// environment says of a registry is taken out.
func run(t *testing.T, dir string, shell []string, script string, env map[string]string) (int, string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), shell[0], append(shell[1:], script)...)
	command.Dir = dir
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "OCI_") && !strings.HasPrefix(pair, "REGISTRY=") {
			command.Env = append(command.Env, pair)
		}
	}
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(out)
}

// counts are the elements of a JUnit file.
type counts struct{ cases, failures, errors, skipped int }

// readJUnit counts what a CI would, in a parser that knows nothing of conform.
func readJUnit(t *testing.T, path string) counts {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got counts
	names := map[string]bool{}
	for decoder := xml.NewDecoder(f); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch element.Name.Local {
		case "testcase":
			got.cases++
			name := attribute(element, "classname") + " " + attribute(element, "name")
			if names[name] {
				t.Errorf("%s: two test cases are called %q", path, name)
			}
			names[name] = true
		case "failure":
			got.failures++
		case "error":
			got.errors++
		case "skipped":
			got.skipped++
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// judgeReports compares the reports in dir with each other, and demands that
// they say whether something failed.
func judgeReports(t *testing.T, dir string, failed bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rep report.Report
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	var want counts
	for _, r := range rep.Results {
		want.cases++
		switch {
		case r.Outcome == report.Error:
			want.errors++
		case r.Counts:
			want.failures++
		case r.Outcome != report.Passed:
			want.skipped++
		}
	}
	if got := readJUnit(t, filepath.Join(dir, "junit.xml")); got != want {
		t.Errorf("junit.xml counts %+v, results.json %+v", got, want)
	}
	if (want.failures > 0) != failed || want.cases == 0 {
		t.Errorf("the reports count %+v, want failures: %v", want, failed)
	}
	for _, name := range []string{"report.html", "repro.sh"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, or empty", name, err)
		}
	}
}

type action struct {
	Name, Description string
	Branding          map[string]string
	Inputs            map[string]struct{ Description, Default string }
	Outputs           map[string]struct{ Description, Value string }
	Runs              struct {
		Using string
		Steps []step
	}
}

type step struct {
	ID, Uses, Shell, If, Run string
	Env, With                map[string]string
}

// expression is a reference to a context of the action, as the runner replaces
// it.
var expression = regexp.MustCompile(`\$\{\{ ([a-z_.]+) \}\}`)

// TestAction runs the steps of the composite action that are scripts, as the
// runner does.
func TestAction(t *testing.T) {
	sound, broken := serve(t), serve(t, "--fault", "manifest-unknown-200")
	var a action
	read(t, "action.yml", &a)
	built := t.TempDir() // RUNNER_TEMP of all cases, so that one build serves them
	for _, c := range []struct {
		name   string
		inputs map[string]string
		env    map[string]string
		status int
	}{
		{"input", map[string]string{"url": sound, "args": "--select pull.manifest.*"}, nil, 0},
		{"environment", map[string]string{"args": "--select pull.manifest.*"}, map[string]string{"OCI_ROOT_URL": sound}, 0},
		{"new environment", map[string]string{"args": "--select pull.manifest.*"}, map[string]string{
			"OCI_REGISTRY": strings.TrimPrefix(sound, "http://"), "OCI_TLS": "disabled",
		}, 0},
		{"findings", map[string]string{"url": broken, "args": "--select  pull.manifest.unknown,pull.manifest.get"}, nil, 1},
		{"no registry", map[string]string{"args": ""}, nil, 2},
		{"baseline", map[string]string{"url": sound, "baseline": "absent.yaml"}, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			temp := t.TempDir()
			contexts := map[string]string{"runner.temp": built, "github.action_path": filepath.Join(need.Root(t), "ci")}
			for name, input := range a.Inputs {
				contexts["inputs."+name] = input.Default
			}
			for name, value := range c.inputs {
				contexts["inputs."+name] = value
			}
			env := map[string]string{
				"RUNNER_TEMP": built, "GITHUB_OUTPUT": filepath.Join(temp, "output"),
				"GITHUB_STEP_SUMMARY": filepath.Join(temp, "summary"),
			}
			for name, value := range c.env {
				env[name] = value
			}
			status, out := runAction(t, a, contexts, env)
			if status != c.status {
				t.Fatalf("status %d, want %d\n%s", status, c.status, out)
			}
			if got := file(t, env["GITHUB_OUTPUT"]); got != fmt.Sprintf("status=%d\n", status) {
				t.Errorf("outputs %q", got)
			}
			if got := file(t, env["GITHUB_STEP_SUMMARY"]); !strings.HasPrefix(got, "## ") || !strings.Contains(got, strings.TrimSpace(out)) {
				t.Errorf("the summary is %q, want what was printed in it: %q", got, out)
			}
			if status <= 1 {
				judgeReports(t, filepath.Join(built, "conform-results"), status == 1)
			}
			if err := os.RemoveAll(filepath.Join(built, "conform-results")); err != nil {
				t.Error(err)
			}
		})
	}
}

// runAction runs the scripts of a and returns the status of the one that
// failed, or 0, and what the last one printed.
func runAction(t *testing.T, a action, contexts, env map[string]string) (int, string) {
	t.Helper()
	evaluate := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(match string) string {
			value, ok := contexts[expression.FindStringSubmatch(match)[1]]
			if !ok {
				t.Errorf("nothing is known of %s", match)
			}
			return value
		})
	}
	var out string
	for _, s := range a.Runs.Steps {
		if _, err := os.Stat(filepath.Join(env["RUNNER_TEMP"], "conform")); s.Run == "" || s.ID == "build" && err == nil {
			continue
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %s puts an expression into a script: an input could run commands", s.ID)
		}
		full := map[string]string{}
		for name, value := range env {
			full[name] = value
		}
		for name, value := range s.Env {
			full[name] = evaluate(value)
		}
		var status int
		status, out = run(t, t.TempDir(), []string{"bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"}, s.Run, full)
		if status != 0 {
			return status, out
		}
	}
	return 0, out
}

func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

type job struct {
	Image        string
	Variables    map[string]string
	BeforeScript []string `yaml:"before_script"`
	Script       []string
	Artifacts    struct {
		When    string
		Paths   []string
		Reports map[string]string
	}
}

// TestGitLab runs the script of the GitLab template, and looks for what it
// keeps. The command that installs conform is judged by what it names.
func TestGitLab(t *testing.T) {
	var jobs map[string]job
	read(t, "gitlab.yml", &jobs)
	j := jobs[".conform"]
	install := regexp.MustCompile(`^go install "(\S+)/(cmd/\S+)@\$CONFORM_VERSION"$`).FindStringSubmatch(strings.Join(j.BeforeScript, "\n"))
	if install == nil || install[1] != "github.com/registryconform/conform" {
		t.Fatalf("before_script is %q", j.BeforeScript)
	}
	if _, err := os.Stat(filepath.Join(need.Root(t), install[2], "main.go")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name   string
		flags  []string
		status int
	}{
		{"conformant", nil, 0},
		{"findings", []string{"--fault", "manifest-unknown-200"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{"OCI_ROOT_URL": serve(t, c.flags...)}
			for name, value := range j.Variables {
				env[name] = value
			}
			env["CONFORM_ARGS"] = "--select pull.manifest.unknown,pull.manifest.get"
			dir := t.TempDir()
			status, out := run(t, dir, []string{"sh", "-e", "-c"}, strings.Join(j.Script, "\n"), env)
			if status != c.status {
				t.Fatalf("status %d, want %d\n%s", status, c.status, out)
			}
			for _, path := range j.Artifacts.Paths {
				judgeReports(t, filepath.Join(dir, path), c.status == 1)
			}
			readJUnit(t, filepath.Join(dir, j.Artifacts.Reports["junit"]))
		})
	}
}

// TestImage builds the image of conform and lets it judge a registry that runs
// from the same image.
func TestImage(t *testing.T) {
	docker := need.Engine(t)
	const tag = "conform-templates-test:image"
	command := exec.CommandContext(t.Context(), filepath.Join(need.Root(t), "ci", "image.sh"), tag)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("image.sh: %v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command(docker, "rmi", "--force", tag).Run() })
	call := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), docker, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if version := call("run", "--rm", tag, "version"); !strings.HasPrefix(version, "conform ") {
		t.Errorf("version: %q", version)
	}
	server := call("run", "--detach", "--rm", tag, "serve", "--addr", "0.0.0.0:5000")
	t.Cleanup(func() { exec.Command(docker, "rm", "--force", "--volumes", server).Run() })
	results := t.TempDir()
	call("run", "--rm", "--network", "container:"+server, "--env", "OCI_ROOT_URL=http://127.0.0.1:5000",
		"--volume", results+":/results", tag)
	judgeReports(t, results, false)
}
