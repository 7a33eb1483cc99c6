package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/internal/jws"
	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// keepingSignatures are the specs for what becomes of the signatures that were
// pushed: a registry that only takes them to verify them is another one than
// those that older clients were made for, but no wrong one.
func keepingSignatures(g *registrar) {
	for _, s := range signers() {
		g.It("returns "+s.name+" as it was pushed", requirement.Schema1SignatureKept, func(c *Case) {
			m, x := c.pulledSigned(s, "tag")
			c.givenSigned(m, x)
			Expect(x).To(haveSignatures(m.Signatures...))
		})
	}
	g.It("returns both signatures of a manifest that was pushed with two", requirement.Schema1SignatureKept, func(c *Case) {
		c.needPull()
		c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
		m := c.signed(c.key(fixtures.ES256), c.key(fixtures.ES256))
		Expect(c.Repo().PutSigned(m)).To(HaveSuccess())
		x := c.Repo().GetSigned(m.Tag)
		c.givenSigned(m, x)
		Expect(x).To(haveSignatures(m.Signatures...))
	})
	mergingSignatures(g)
	orderingSignatures(g)
}

// haveSignatures wants a manifest in which each of the signatures stands, spelled
// in whatever way.
func haveSignatures(wanted ...[]byte) Matcher {
	return NewMatcher(fmt.Sprintf("each signature that was pushed (%d)", len(wanted)), func(x *Exchange) string {
		d, err := jws.Parse(x.Body())
		if err != nil {
			return err.Error()
		}
		kept := 0
		for _, w := range wanted {
			if slices.ContainsFunc(d.Signatures, func(s jws.Signature) bool { return sameJSON(s.Raw, w) }) {
				kept++
			}
		}
		if kept < len(wanted) {
			return fmt.Sprintf("%d of them, among %d", kept, len(d.Signatures))
		}
		return ""
	})
}

func sameJSON(a, b []byte) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}

func mergingSignatures(g *registrar) {
	for _, pair := range []struct {
		what string
		sign func(c *Case, m fixtures.SignedManifest) (one, other fixtures.SignedManifest)
	}{
		{"two keys of one kind", func(c *Case, m fixtures.SignedManifest) (one, other fixtures.SignedManifest) {
			return m.Resign(c.key(fixtures.ES256)), m.Resign(c.key(fixtures.ES256))
		}},
		{"keys of two kinds", func(c *Case, m fixtures.SignedManifest) (one, other fixtures.SignedManifest) {
			return m.Resign(c.key(fixtures.ES256)), m.Resign(c.key(fixtures.ES512))
		}},
		{"a key and a chain of certificates", func(c *Case, m fixtures.SignedManifest) (one, other fixtures.SignedManifest) {
			return m.Resign(c.key(fixtures.ES256)), m.ResignWithChain(c.key(fixtures.ES256))
		}},
		{"two chains of certificates", func(c *Case, m fixtures.SignedManifest) (one, other fixtures.SignedManifest) {
			return m.ResignWithChain(c.key(fixtures.ES256)), m.ResignWithChain(c.key(fixtures.ES256))
		}},
	} {
		g.It("returns the signatures of two who pushed the same payload, by "+pair.what, requirement.Schema1SignatureMerged, func(c *Case) {
			c.needPull()
			c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
			one, other := pair.sign(c, c.signed())
			for _, m := range []fixtures.SignedManifest{one, other} {
				taken := requirement.Schema1PushAlgorithms
				if bytes.Contains(m.Signatures[0], []byte(`"x5c"`)) {
					taken = requirement.Schema1PushChain
				}
				c.Repo().GivenSigned(taken, m)
				x := c.Repo().GetSigned(m.Digest.String())
				c.givenSigned(m, x)
				c.Given(requirement.Schema1SignatureKept, x, haveSignatures(m.Signatures[0]))
			}
			for _, reference := range []string{one.Tag, one.Digest.String()} {
				x := c.Repo().GetSigned(reference)
				c.givenSigned(one, x)
				Expect(x).To(haveSignatures(one.Signatures[0], other.Signatures[0]))
			}
		})
	}
}

func orderingSignatures(g *registrar) {
	g.It("returns the same bytes by tag, by digest and when signatures are pushed again", requirement.Schema1SignatureOrder, func(c *Case) {
		c.needPull()
		m := c.signed()
		one, other := m.Resign(c.key(fixtures.ES256)), m.Resign(c.key(fixtures.ES256))
		for _, signed := range []fixtures.SignedManifest{one, other} {
			c.Repo().GivenSigned(requirement.Schema1PushCreated, signed)
		}
		first := c.Repo().GetSigned(m.Tag)
		c.givenSigned(m, first)
		c.Given(requirement.Schema1SignatureKept, first, haveSignatures(other.Signatures[0]))
		c.Given(requirement.Schema1SignatureMerged, first, haveSignatures(one.Signatures[0], other.Signatures[0]))
		for _, reference := range []string{m.Tag, m.Digest.String()} {
			x := c.Repo().GetSigned(reference)
			c.Given(requirement.Schema1PullContent, x, HaveStatus(http.StatusOK))
			Expect(x).To(haveSameBody(first))
		}
		for _, again := range []fixtures.SignedManifest{other, one} {
			c.Repo().GivenSigned(requirement.Schema1PushCreated, again)
			x := c.Repo().GetSigned(m.Tag)
			c.Given(requirement.Schema1SignatureRepeated, x, haveCount(2))
			Expect(x).To(haveSameBody(first))
		}
	})
	g.It("returns a signature once that was pushed twice", requirement.Schema1SignatureRepeated, func(c *Case) {
		c.needPull()
		m := c.signed(c.key(fixtures.ES256))
		for range 2 {
			c.Repo().GivenSigned(requirement.Schema1PushCreated, m)
		}
		x := c.Repo().GetSigned(m.Tag)
		c.givenSigned(m, x)
		c.Given(requirement.Schema1SignatureKept, x, haveSignatures(m.Signatures...))
		Expect(x).To(haveCount(1))
	})
}

// haveSameBody wants the bytes of another answer.
func haveSameBody(other *Exchange) Matcher {
	return NewMatcher("the same bytes as before", func(x *Exchange) string {
		if x.Equal(other.Body()) {
			return ""
		}
		return "other bytes"
	})
}

// haveCount wants a manifest with so many signatures, none of them twice.
func haveCount(n int) Matcher {
	return NewMatcher(fmt.Sprintf("%d signatures, none of them twice", n), func(x *Exchange) string {
		d, err := jws.Parse(x.Body())
		if err != nil {
			return err.Error()
		}
		for i, s := range d.Signatures {
			if slices.ContainsFunc(d.Signatures[:i], func(before jws.Signature) bool { return sameJSON(before.Raw, s.Raw) }) {
				return "a signature twice"
			}
		}
		if len(d.Signatures) != n {
			return fmt.Sprintf("%d signatures", len(d.Signatures))
		}
		return ""
	})
}
