package requirement

// Pending returns the ids that no spec judges yet, in the order of All. Whoever adds a
// spec takes its id out. What is neither here nor in Untestable has a spec. The life
// cycle of an upload and of a blob (Mandatory) is never pending.
func Pending() []string {
	var ids []string
	for _, chapter := range [][]Requirement{
		pendingApi(),
		pendingPull(),
		pendingPush(),
		pendingChunked(),
		pendingMount(),
		pendingManifests(),
		pendingTags(),
		pendingReferrers(),
		pendingManagement(),
		pendingErrors(),
		pendingProvisional(),
		pendingDocker(),
	} {
		for _, r := range chapter {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Mandatory returns the ids that can be neither pending nor untestable, in the order of
// All: the life cycle of an upload, from opening to cancelling or finishing, and of a blob,
// from pushing to deleting and pushing again.
func Mandatory() []string {
	return []string{
		CancelUploadAccepted.ID,
		CancelUploadGone.ID,
		DockerUploadCreate.ID,
		DockerUploadCreateRange.ID,
		DockerUploadCreateUuid.ID,
		DockerUploadStatus.ID,
		DockerUploadStatusLocation.ID,
		DockerUploadStatusRange.ID,
		DockerUploadStatusUuid.ID,
		DockerUploadPatch.ID,
		DockerUploadPatchUuid.ID,
		DockerUploadOutOfOrder.ID,
		DockerUploadOutOfOrderStatus.ID,
		DockerUploadResume.ID,
		DockerUploadComplete.ID,
		DockerUploadCompleteDigest.ID,
		DockerUploadDigestMissing.ID,
		DockerUploadDigestMismatch.ID,
		DockerUploadCancel.ID,
		DockerUploadCancelledGet.ID,
		DockerUploadCancelledPatch.ID,
		DockerUploadCancelledPut.ID,
		DockerUploadCancelledDelete.ID,
		DockerUploadFinishedGet.ID,
		DockerUploadFinishedPatch.ID,
		DockerUploadFinishedPut.ID,
		DockerUploadUnknown.ID,
		DockerBlobEmpty.ID,
		DockerBlobNulBytes.ID,
		DockerBlobDelete.ID,
		DockerBlobDeleted.ID,
		DockerBlobDeleteUnknown.ID,
		DockerBlobPushAgain.ID,
		DockerBlobDeleteRefused.ID,
	}
}

// Untestable returns the ids that one client cannot judge over HTTP in one run, each with
// the reason.
func Untestable() map[string]string {
	return map[string]string{
		ApiCategoriesClaimed.ID:      "what a vendor claims is said outside HTTP: a profile or required features state the claim, and the verdict over them answers it",
		ManifestsSizeLimit.ID:        "no text says how large a limit may be, so no refusal at some size, however large, can be demanded",
		ReferrersFilterHeaderList.ID: "only one filter is defined, so several can never be applied",
		ReferrersUpgradeListed.ID:    "needs the same registry before and after it gained the referrers API",
		ReferrersUpgradeAll.ID:       "needs the same registry before and after it gained the referrers API",
		CancelUploadTimeout.ID:       "the text gives no time, and the time-outs in use are of hours or days",
		ErrorsRateLimitRetryAfter.ID: "a rate limit would have to be provoked by flooding the registry, which does harm and proves nothing when no limit is met",
	}
}

func pendingApi() []Requirement {
	return []Requirement{}
}

func pendingPull() []Requirement {
	return []Requirement{}
}

func pendingPush() []Requirement {
	return []Requirement{}
}

func pendingChunked() []Requirement {
	return []Requirement{}
}

func pendingMount() []Requirement {
	return []Requirement{}
}

func pendingManifests() []Requirement {
	return []Requirement{}
}

func pendingTags() []Requirement {
	return []Requirement{}
}

func pendingReferrers() []Requirement {
	return []Requirement{}
}

func pendingManagement() []Requirement {
	return []Requirement{}
}

func pendingErrors() []Requirement {
	return []Requirement{}
}

func pendingProvisional() []Requirement {
	return []Requirement{}
}

func pendingDocker() []Requirement {
	return []Requirement{}
}
