package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// unverified is the code of a manifest whose signatures are wrong, and
// unreadable are those of one whose signatures can't be read as such.
func unverified() []string { return []string{"MANIFEST_UNVERIFIED"} }
func unreadable() []string { return []string{"MANIFEST_UNVERIFIED", "MANIFEST_INVALID"} }

// A defect is a way in which a signed manifest was damaged.
type defect struct {
	what     string
	broken   requirement.Requirement
	codes    []string
	spoil    func(c *Case, m fixtures.SignedManifest) []byte
	everyKey bool // with keys of RSA, too, whose failures have other texts in old libraries
}

func defects() []defect {
	return slices.Concat(wrongSignatures(), wrongKeys(), wrongLengths(), noSignatures())
}

func wrongSignatures() []defect {
	return []defect{
		{"whose payload was changed", requirement.Schema1PayloadTampered, unverified(), func(_ *Case, m fixtures.SignedManifest) []byte { return tamperedPayload(m) }, true},
		{"with a space more in its payload", requirement.Schema1PayloadTampered, unverified(), func(_ *Case, m fixtures.SignedManifest) []byte {
			// The protected length no longer ends where the payload does,
			// unless a space goes elsewhere.
			return bytes.Replace(bytes.Replace(m.Content, []byte(`"name": `), []byte(`"name":  `), 1), []byte(`"tag": `), []byte(`"tag":`), 1)
		}, false},
		{"whose protected header was changed", requirement.Schema1ProtectedTampered, unverified(), spoiled(func(s signatureFields) {
			s.protect(func(p map[string]any) { p["time"] = "1970-01-01T00:00:01Z" })
		}), true},
		{"whose signature was changed", requirement.Schema1SignatureTampered, unverified(), spoiled(func(s signatureFields) {
			s.all["signature"] = flipped(s.all["signature"].(string))
		}), true},
		{"with the signature of another", requirement.Schema1SignatureForeign, unverified(), func(c *Case, m fixtures.SignedManifest) []byte {
			other := c.signedAs(m.Name, m.Tag, c.signingKey(m))
			return m.WithSignatures(other.Signatures[0]).Content
		}, true},
		{"of which one signature of two was changed", requirement.Schema1SignatureOneWrong, unverified(), func(c *Case, m fixtures.SignedManifest) []byte {
			wrong := spoil(m.Resign(c.key(fixtures.ES256)).Signatures[0], func(s signatureFields) {
				s.all["signature"] = flipped(s.all["signature"].(string))
			})
			return m.WithSignatures(m.Signatures[0], wrong).Content
		}, false},
	}
}

func wrongKeys() []defect {
	jwk := func(change func(map[string]any)) func(*Case, fixtures.SignedManifest) []byte {
		return spoiled(func(s signatureFields) { change(s.header["jwk"].(map[string]any)) })
	}
	algorithm := func(name string) func(*Case, fixtures.SignedManifest) []byte {
		return spoiled(func(s signatureFields) { s.header["alg"] = name })
	}
	return []defect{
		{"whose key was exchanged", requirement.Schema1KeyExchanged, unverified(), func(c *Case, m fixtures.SignedManifest) []byte {
			other := m.Resign(c.key(fixtures.ES256)).Signatures[0]
			return spoiled(func(s signatureFields) { s.header["jwk"] = readSignature(other).header["jwk"] })(c, m)
		}, false},
		{"without a key", requirement.Schema1KeyMissing, unreadable(), spoiled(func(s signatureFields) { delete(s.header, "jwk") }), false},
		{"whose key is of no known kind", requirement.Schema1KeyMissing, unreadable(), jwk(func(k map[string]any) { k["kty"] = "oct" }), false},
		{"whose key has the kid of another", requirement.Schema1KeyId, unreadable(), func(c *Case, m fixtures.SignedManifest) []byte {
			return jwk(func(k map[string]any) { k["kid"] = c.key(fixtures.ES256).ID() })(c, m)
		}, false},
		{"that claims a longer hash than that of its key", requirement.Schema1AlgorithmMismatch, unreadable(), algorithm("ES512"), false},
		{"that claims an algorithm of RSA for an elliptic key", requirement.Schema1AlgorithmMismatch, unreadable(), algorithm("RS256"), false},
		{"that claims no algorithm", requirement.Schema1AlgorithmMismatch, unreadable(), algorithm("none"), false},
	}
}

func wrongLengths() []defect {
	length := func(change func(int) int) func(*Case, fixtures.SignedManifest) []byte {
		return spoiled(func(s signatureFields) {
			s.protect(func(p map[string]any) { p["formatLength"] = change(int(p["formatLength"].(float64))) })
		})
	}
	list := []byte(",\n   \"signatures\"")
	return []defect{
		{"whose protected length is one more", requirement.Schema1LengthTampered, unreadable(), length(func(n int) int { return n + 1 }), false},
		{"whose protected length is one less", requirement.Schema1LengthTampered, unreadable(), length(func(n int) int { return n - 1 }), false},
		{"whose protected length is greater than the document", requirement.Schema1LengthTampered, unreadable(), length(func(n int) int { return n * 1000 }), false},
		{"whose protected length is negative", requirement.Schema1LengthTampered, unreadable(), length(func(int) int { return -1 }), false},
		{"with a field between the protected length and the signatures", requirement.Schema1ContentUnprotected, unreadable(), func(_ *Case, m fixtures.SignedManifest) []byte {
			return bytes.Replace(m.Content, list, slices.Concat([]byte(",\n   \"extra\": 1"), list), 1)
		}, false},
		{"with another tag between the protected length and the signatures", requirement.Schema1ContentUnprotected, unreadable(), func(_ *Case, m fixtures.SignedManifest) []byte {
			return bytes.Replace(m.Content, list, slices.Concat([]byte(",\n   \"tag\": \"unprotected\""), list), 1)
		}, false},
		{"with a field behind the signatures", requirement.Schema1ContentUnprotected, unreadable(), func(_ *Case, m fixtures.SignedManifest) []byte {
			return slices.Concat(bytes.TrimSuffix(m.Content, []byte("\n}")), []byte(",\n   \"extra\": 1\n}"))
		}, false},
	}
}

func noSignatures() []defect {
	return []defect{
		{"without signatures", requirement.Schema1SignatureMissing, unreadable(), func(_ *Case, m fixtures.SignedManifest) []byte { return m.Payload }, false},
		{"whose list of signatures is empty", requirement.Schema1SignatureEmpty, unreadable(), func(_ *Case, m fixtures.SignedManifest) []byte {
			return slices.Concat(bytes.TrimSuffix(m.Payload, []byte("\n}")), []byte(",\n   \"signatures\": []\n}"))
		}, false},
	}
}

// verifyingSignatures are the specs for manifests that are not what was signed.
func verifyingSignatures(g *registrar) {
	for _, d := range defects() {
		algorithms := []fixtures.Algorithm{fixtures.ES256}
		if d.everyKey {
			algorithms = append(algorithms, fixtures.RS256)
		}
		for _, a := range algorithms {
			text := fmt.Sprintf("answers 400 with %s to a manifest %s, signed by %s", strings.Join(d.codes, " or "), d.what, a)
			g.It(text, d.broken, func(c *Case) {
				_, x := c.pushSpoiled(d, a)
				Expect(x).To(HaveStatus(http.StatusBadRequest))
				Expect(x).To(haveOneOf(d.codes...))
			})
		}
	}
	g.It("serves nothing of a manifest whose payload was changed", requirement.Schema1RefusedUnserved, func(c *Case) {
		d := wrongSignatures()[0]
		m, x := c.pushSpoiled(d, fixtures.ES256)
		c.Given(d.broken, x, haveRefusal())
		c.givenUnknownIs404()
		for _, reference := range []string{m.Tag, m.Digest.String(), digest.FromBytes(m.Content).String()} {
			Expect(c.Repo().GetSigned(reference)).To(haveNothing())
		}
	})
}

// pushSpoiled pushes a manifest that has the defect, to a tag of its own. One
// without it is taken.
func (c *Case) pushSpoiled(d defect, a fixtures.Algorithm) (fixtures.SignedManifest, *Exchange) {
	ginkgo.GinkgoHelper()
	c.needRefusals()
	taken := requirement.Schema1PushAlgorithms
	if a == fixtures.ES256 {
		taken = requirement.Schema1PushCreated
	}
	c.Repo().GivenSigned(taken, c.signed(c.key(a)))
	m := c.signed(c.key(a))
	c.Repo().GivenBlobs(m.Blobs...)
	m.Content = d.spoil(c, m)
	m.Digest = digest.FromBytes(payloadOf(m.Content))
	return m, c.Repo().TryManifest(m.Tag, m.Manifest)
}

// payloadOf returns what stands before the signatures, closed.
func payloadOf(content []byte) []byte {
	head, _, _ := bytes.Cut(content, []byte(",\n   \"signatures\""))
	return append(bytes.Clone(head), "\n}"...)
}

// tamperedPayload returns m with another architecture.
func tamperedPayload(m fixtures.SignedManifest) []byte {
	return bytes.Replace(m.Content, []byte(`"amd64"`), []byte(`"arm64"`), 1)
}

// signingKey returns another key of the kind that m is signed with.
func (c *Case) signingKey(m fixtures.SignedManifest) fixtures.Key {
	return c.key(fixtures.Algorithm(readSignature(m.Signatures[0]).header["alg"].(string)))
}

// signatureFields are the fields of a signature, and of its header.
type signatureFields struct{ all, header map[string]any }

func readSignature(raw []byte) signatureFields {
	var all map[string]any
	// A signature that was made here is a JSON object with a header.
	_ = json.Unmarshal(raw, &all)
	return signatureFields{all, all["header"].(map[string]any)}
}

// protect changes the protected header.
func (s signatureFields) protect(change func(map[string]any)) {
	var header map[string]any
	raw, _ := base64.RawURLEncoding.DecodeString(s.all["protected"].(string))
	_ = json.Unmarshal(raw, &header)
	change(header)
	raw, _ = json.Marshal(header)
	s.all["protected"] = base64.RawURLEncoding.EncodeToString(raw)
}

// spoil returns a signature with other fields.
func spoil(raw []byte, change func(signatureFields)) []byte {
	s := readSignature(raw)
	change(s)
	out, _ := json.Marshal(s.all)
	return out
}

// spoiled returns what spoils the only signature of a manifest.
func spoiled(change func(signatureFields)) func(*Case, fixtures.SignedManifest) []byte {
	return func(_ *Case, m fixtures.SignedManifest) []byte {
		return m.WithSignatures(spoil(m.Signatures[0], change)).Content
	}
}

// flipped returns base64 of other bytes, as many.
func flipped(encoded string) string {
	first := "A"
	if encoded[0] == 'A' {
		first = "B"
	}
	return first + encoded[1:]
}

// haveOneOf wants an errors document in which one of the codes stands.
func haveOneOf(codes ...string) Matcher {
	return NewMatcher("error code "+strings.Join(codes, " or "), func(x *Exchange) string {
		got := "no errors document"
		for _, code := range codes {
			if got = haveAnyErrorCode(code).Judge(x); got == "" {
				return ""
			}
		}
		return got
	})
}
