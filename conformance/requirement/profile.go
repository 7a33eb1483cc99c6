package requirement

import (
	"fmt"
	"slices"
	"strings"
)

// A Profile is a set of requirements that a registry is judged by in one run.
type Profile string

// The profiles. Those of the OCI specification grow from pull to full; the others add rows
// of their own to full.
const (
	// ProfilePull is what can be asked of a registry that takes no pushes.
	ProfilePull Profile = "pull"
	// ProfilePush is ProfilePull and pushing.
	ProfilePush Profile = "push"
	// ProfileFull is the OCI specification with every category; the default.
	ProfileFull Profile = "full"
	// ProfileDockerV2 is ProfileFull and the Docker Registry HTTP API V2.
	ProfileDockerV2 Profile = "docker-v2"
	// ProfileSchema1 is ProfileFull and signed manifests of schema 1.
	ProfileSchema1 Profile = "schema1"
	// ProfileAll is everything.
	ProfileAll Profile = "all"
)

// Profiles returns every profile, from small to large.
func Profiles() []Profile {
	return []Profile{ProfilePull, ProfilePush, ProfileFull, ProfileDockerV2, ProfileSchema1, ProfileAll}
}

// Includes tells whether r is judged under p. A profile that is not one of Profiles includes
// nothing.
func (p Profile) Includes(r Requirement) bool {
	switch p {
	case ProfilePull:
		return r.Profile == ProfilePull
	case ProfilePush:
		return r.Profile == ProfilePull || r.Profile == ProfilePush
	case ProfileFull:
		return ProfilePush.Includes(r) || r.Profile == ProfileFull
	case ProfileDockerV2, ProfileSchema1:
		return ProfileFull.Includes(r) || r.Profile == p
	case ProfileAll:
		return true
	}
	return false
}

// ParseProfile reads the name of a profile. The error lists the valid names.
func ParseProfile(s string) (Profile, error) {
	if p := Profile(s); slices.Contains(Profiles(), p) {
		return p, nil
	}
	names := make([]string, 0, len(Profiles()))
	for _, p := range Profiles() {
		names = append(names, string(p))
	}
	return "", fmt.Errorf("unknown profile %q: want one of %s", s, strings.Join(names, ", "))
}
