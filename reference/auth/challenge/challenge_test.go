package challenge_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/auth/challenge"
)

type list = []challenge.Challenge

func TestParse(t *testing.T) {
	t.Parallel()
	params := func(s ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(s); i += 2 {
			m[s[i]] = s[i+1]
		}
		return m
	}
	for _, c := range []struct {
		fields []string
		want   list
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{" , ,"}, nil},
		{[]string{`Basic`}, list{{Scheme: "Basic"}}},
		{[]string{`Basic realm="a"`}, list{{Scheme: "Basic", Params: params("realm", "a")}}},
		{[]string{`basic REALM = a`}, list{{Scheme: "basic", Params: params("realm", "a")}}},
		{[]string{`Bearer realm="https://a/b?c=d,e",service="x",scope="repository:a/b:pull,push"`}, list{{Scheme: "Bearer", Params: params("realm", "https://a/b?c=d,e", "service", "x", "scope", "repository:a/b:pull,push")}}},
		{[]string{`Bearer realm="a\"b\\c"`}, list{{Scheme: "Bearer", Params: params("realm", `a"b\c`)}}},
		{[]string{`Negotiate YWJj==`}, list{{Scheme: "Negotiate", Token68: "YWJj=="}}},
		{[]string{`Negotiate, Basic realm="a" , charset=UTF-8, Bearer realm="b"`}, list{
			{Scheme: "Negotiate"}, {Scheme: "Basic", Params: params("realm", "a", "charset", "UTF-8")}, {Scheme: "Bearer", Params: params("realm", "b")},
		}},
		{[]string{`Negotiate abc, Basic realm=x`, `Bearer realm=""`}, list{
			{Scheme: "Negotiate", Token68: "abc"}, {Scheme: "Basic", Params: params("realm", "x")}, {Scheme: "Bearer", Params: params("realm", "")},
		}},
	} {
		got, err := challenge.Parse(c.fields)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v, want %+v", c.fields, got, err, c.want)
		}
	}
}

func TestParseMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`"`, `=`, `Basic"x"`, `Basic realm="`, `Basic realm="a`, `Basic realm="a\`, `Basic realm="a" x`, `Basic realm="a",realm="b"`,
		"Basic realm=\"a\x00\"", `Basic realm=,a=b`, strings.Repeat("a", 1<<20), strings.Repeat("a,", 1000), `Basic ä=b`,
	} {
		if got, err := challenge.Parse([]string{`Bearer realm="first"`, bad}); err == nil || len(got) == 0 || got[0].Params["realm"] != "first" {
			t.Errorf("%.40q: %+v, %v", bad, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`Basic realm="a"`, `Bearer realm="https://a/b",service=x , scope="a b"`, `A, B c==, D e = "\"" `, `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := challenge.Parse([]string{s})
		if err != nil {
			return
		}
		var texts []string
		for _, c := range all {
			texts = append(texts, c.String())
		}
		again, err := challenge.Parse([]string{strings.Join(texts, ", ")})
		if err != nil || !reflect.DeepEqual(all, again) {
			t.Fatalf("%q: %+v became %+v, %v", s, all, again, err)
		}
	})
}
