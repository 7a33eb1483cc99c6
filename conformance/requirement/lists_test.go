package requirement_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/requirement"
)

func TestListsNameRequirementsOnceAndAreDisjoint(t *testing.T) {
	t.Parallel()
	listed := map[string]string{}
	add := func(list, id string) {
		if _, ok := requirement.Lookup(id); !ok {
			t.Errorf("%s names %q, which doesn't exist", list, id)
		}
		if other, ok := listed[id]; ok {
			t.Errorf("%s stands in %s and in %s", id, other, list)
		}
		listed[id] = list
	}
	for _, id := range requirement.Pending() {
		add("Pending", id)
	}
	for id, reason := range requirement.Untestable() {
		add("Untestable", id)
		if len(reason) < 20 || strings.HasSuffix(reason, ".") {
			t.Errorf("%s: %q isn't a reason in a phrase", id, reason)
		}
	}
	for _, id := range requirement.Mandatory() {
		add("Mandatory", id)
	}
}

func TestPendingKeepsTheOrderOfTheCatalogue(t *testing.T) {
	t.Parallel()
	var order []string
	for _, r := range requirement.All() {
		order = append(order, r.ID)
	}
	if !slices.IsSortedFunc(requirement.Pending(), func(a, b string) int {
		return slices.Index(order, a) - slices.Index(order, b)
	}) {
		t.Error("Pending isn't in the order of All")
	}
}

func TestTheLifeCycleIsMandatory(t *testing.T) {
	t.Parallel()
	mandatory := requirement.Mandatory()
	for _, r := range []requirement.Requirement{
		requirement.DockerUploadCreate,
		requirement.DockerUploadStatus,
		requirement.DockerUploadResume,
		requirement.DockerUploadCancel,
		requirement.DockerUploadCancelledGet,
		requirement.DockerUploadCancelledPatch,
		requirement.DockerUploadCancelledPut,
		requirement.DockerUploadFinishedGet,
		requirement.DockerUploadFinishedPatch,
		requirement.DockerUploadFinishedPut,
		requirement.DockerUploadDigestMismatch,
		requirement.DockerBlobEmpty,
		requirement.DockerBlobNulBytes,
		requirement.DockerBlobDelete,
		requirement.DockerBlobDeleted,
		requirement.DockerBlobPushAgain,
		requirement.DockerBlobDeleteRefused,
		requirement.CancelUploadAccepted,
		requirement.CancelUploadGone,
	} {
		if !slices.Contains(mandatory, r.ID) {
			t.Errorf("%s isn't mandatory", r.ID)
		}
	}
}
