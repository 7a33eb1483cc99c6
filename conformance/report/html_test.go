package report_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/conformance/report"
)

// each calls f for every element of the document.
func each(n *html.Node, f func(*html.Node, map[string]string)) {
	if n.Type == html.ElementNode {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		f(n, attr)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func TestHTMLNeedsNothingElse(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	doc, err := html.Parse(bytes.NewReader(written(t, report.WriteHTML, r)))
	if err != nil {
		t.Fatal(err)
	}
	ids, cases, scripts, labelled := map[string]int{}, 0, 0, 0
	each(doc, func(n *html.Node, attr map[string]string) {
		if id, ok := attr["id"]; ok {
			ids[id]++
		}
		for _, name := range []string{"src", "srcset", "action", "formaction", "data", "poster", "background"} {
			if v, ok := attr[name]; ok {
				t.Errorf("<%s %s=%q>", n.Data, name, v)
			}
		}
		for name := range attr {
			if strings.HasPrefix(name, "on") || name == "style" {
				t.Errorf("<%s> has %s", n.Data, name)
			}
		}
		switch n.Data {
		case "link", "iframe", "object", "embed", "img", "base":
			t.Errorf("<%s>", n.Data)
		case "a":
			if href := attr["href"]; !strings.HasPrefix(href, "#") && !strings.HasPrefix(href, "https://github.com/") {
				t.Errorf("link to %q", href)
			}
		case "script":
			scripts++
		case "label":
			labelled++
		case "details":
			if strings.HasPrefix(attr["class"], "case ") {
				cases++
			}
		case "html":
			if attr["lang"] == "" {
				t.Error("no language")
			}
		}
	})
	if cases != len(r.Results) || scripts != 1 || labelled < 5 {
		t.Errorf("%d cases, %d scripts, %d labels", cases, scripts, labelled)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	each(doc, func(_ *html.Node, attr map[string]string) {
		if href := attr["href"]; strings.HasPrefix(href, "#") && ids[href[1:]] == 0 {
			t.Errorf("link to %q leads nowhere", href)
		}
	})
}

func TestHTMLOfAnEmptyReport(t *testing.T) {
	t.Parallel()
	r := &report.Report{}
	report.Judge(r, report.Policy{})
	if got := written(t, report.WriteHTML, r); !bytes.Contains(got, []byte("Nothing was tested.")) {
		t.Errorf("%s", got)
	}
}

// browser returns a context of a headless browser, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := need.Program(t, "chromium", "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

const visible = `Array.from(document.querySelectorAll("details.case")).filter(e => e.offsetParent !== null).map(e => e.querySelector("code").textContent).join(" ")`

func TestHTMLInABrowser(t *testing.T) {
	ctx := browser(t)
	r, _, _ := sample(t)
	page := written(t, report.WriteHTML, r)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
	defer server.Close()

	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL), chromedp.WaitVisible("#filter")); err != nil {
		t.Fatal("the script doesn't run under the page's own policy: ", err)
	}
	eval := func(expression string) string {
		t.Helper()
		out, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return out
	}
	title, verdict, all := eval("document.title"), eval(`document.querySelector("#verdict").textContent`), eval(visible)
	evidence := eval(`String(document.querySelector("#push\\.blob\\.created .evidence pre.response").offsetParent !== null)`)
	findings := eval(`Array.from(document.querySelectorAll("nav.findings a")).map(e => e.textContent).join(" ")`)
	failed := eval(`document.querySelectorAll("[name=label]").forEach(e => { if (e.value !== "failed") e.click() }); ` + visible)
	deleted := eval(`document.querySelectorAll("[name=label]:not(:checked)").forEach(e => e.click());
		document.querySelector("#feature").value = "delete"; document.querySelector("#feature").dispatchEvent(new Event("change", {bubbles: true})); ` + visible)
	searched := eval(`document.querySelector("#feature").value = ""; document.querySelector("#query").value = "418 TEAPOT";
		document.querySelector("#filter").requestSubmit(); ` + visible)
	opened := eval(`new Promise(r => { addEventListener("hashchange", () => r(String(document.getElementById("pull.ok").open))); location.hash = "#pull.ok" })`)
	foreign := eval(`performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.endsWith("/favicon.ico")).join(" ")`)
	if !strings.HasPrefix(title, "conform: http") || verdict != r.Verdict.Summary {
		t.Errorf("title %q, verdict %q", title, verdict)
	}
	for _, c := range []struct{ name, got, want string }{
		{"all", all, "push.blob.created push.list pull.blob.unknown pull.blob.unknown pull.head.size pull.known pull.stale pull.next pull.ok delete.blob errors.body tags.last"},
		{"findings", findings, "push.blob.created pull.blob.unknown pull.stale errors.body pull.head.size pull.known pull.next"},
		{"failed", failed, "push.blob.created pull.blob.unknown"},
		{"feature", deleted, "delete.blob"},
		{"search", searched, "pull.blob.unknown"},
		{"a link opens its case", opened, "true"},
		{"the evidence is open", evidence, "true"},
		{"loaded from elsewhere", foreign, ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
