package quirk

import "strings"

func errorBodies() []Quirk {
	html := func(x *exchange) {
		x.header.Set("Content-Type", "text/html")
		x.replace([]byte("<html><body>error</body></html>"))
	}
	warn := func(value string) wrap { return answers(always, any2xx, set("Warning", value)) }
	return []Quirk{
		{"errors-bare-array", "The body of an error is a JSON array without the object around it.", answers(always, any4xx, func(x *exchange) {
			var l []any
			probe := &exchange{body: x.body, header: x.header.Clone()}
			editJSON(func(d map[string]any) { l = list(d, "errors") })(probe)
			if l != nil {
				x.replace(marshal(l))
			}
		})},
		{"errors-message-object", "The body of an error is a JSON object with a message and no list.", answers(always, any4xx, editJSON(func(d map[string]any) {
			delete(d, "errors")
			d["message"] = "something is wrong"
		}))},
		{"errors-single-object", "The errors of a body are one object, not a list.", answers(always, any4xx, editJSON(func(d map[string]any) {
			if l := list(d, "errors"); len(l) > 0 {
				d["errors"] = l[0]
			}
		}))},
		{"errors-code-lower-case", "Codes of errors are in lower case.", answers(always, any4xx, editErrors(func(e map[string]any) {
			if s, ok := e["code"].(string); ok {
				e["code"] = strings.ToLower(s)
			}
		}))},
		{"errors-code-hyphens", "Codes of errors have hyphens for underscores.", answers(always, any4xx, editErrors(func(e map[string]any) {
			if s, ok := e["code"].(string); ok {
				e["code"] = strings.ReplaceAll(s, "_", "-")
			}
		}))},
		{"errors-code-invented", "Errors have a code that no specification has.", answers(always, any4xx, setCode("INTERNAL_SERVER_ERROR"))},
		{"errors-code-unknown", "Every error has the code UNKNOWN.", answers(always, any4xx, setCode("UNKNOWN"))},
		{"errors-code-number", "Codes of errors are the numbers of the status.", answers(always, any4xx, func(x *exchange) {
			editErrors(func(e map[string]any) { e["code"] = x.status })(x)
		})},
		{"errors-no-code", "Errors have no code.", answers(always, any4xx, editErrors(func(e map[string]any) { delete(e, "code") }))},
		{"errors-no-message", "Errors have no message.", answers(always, any4xx, editErrors(func(e map[string]any) { delete(e, "message") }))},
		{"errors-message-list", "The message of an error is a list.", answers(always, any4xx, editErrors(func(e map[string]any) { e["message"] = []any{e["message"]} }))},
		{"errors-message-control", "The message of an error holds control characters.", answers(always, any4xx, editErrors(func(e map[string]any) { e["message"] = "\x00\x01\x1b[31m" }))},
		{"errors-truncated", "The JSON body of an error is cut off.", answers(always, any4xx, editBody(func(b []byte) []byte { return b[:len(b)/2] }))},
		{"errors-html", "Errors are pages of HTML, as from a proxy.", answers(always, any4xx, html)},
		{"warning-code-199", "A Warning has the code 199.", warn(`199 - "be careful"`)},
		{"warning-agent", "A Warning names an agent.", warn(`299 registry.example "be careful"`)},
		{"warning-date", "A Warning has a date.", warn(`299 - "be careful" "Sat, 25 Aug 2012 23:34:45 GMT"`)},
		{"warning-8k", "A Warning has 8000 characters.", warn(`299 - "` + strings.Repeat("careful ", 1000) + `"`)},
		{"warning-many", "A hundred Warnings of 80 characters come at once.", answers(always, any2xx, func(x *exchange) {
			for range 100 {
				x.header.Add("Warning", `299 - "`+strings.Repeat("careful ", 10)+`"`)
			}
		})},
	}
}
