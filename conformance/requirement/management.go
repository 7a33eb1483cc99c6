package requirement

// Deleting tags, manifests and blobs.
var (
	ManagementDeleteSupported = Requirement{
		ID: "management.delete.supported", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "content-management", Since: Since10, Row: "157",
		Statement: "Deletes manifests and blobs on request, or refuses with 400 or 405 because deletion is disabled.",
	}
	ManagementTagSupported = Requirement{
		ID: "management.tag.supported", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "content-management", Since: Since10, Row: "158",
		Statement: "Deletes tags on request, or refuses with 400 or 405 and leaves deletion to manifests.",
	}
	ManagementTagAccepted = Requirement{
		ID: "management.tag.accepted", Level: Must, Basis: Text, Feature: FeatureDeleteTag, Profile: ProfileFull,
		Section: "deleting-tags", Since: Since10, Row: "159",
		Statement: "Answers 202 when it deleted a tag.",
	}
	ManagementTagDisabled = Requirement{
		ID: "management.tag.disabled", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "deleting-tags", Since: Since10, Row: "160",
		Statement: "Answers 400 or 405 to a DELETE of a tag if tag deletion is disabled.",
	}
	ManagementTagGone = Requirement{
		ID: "management.tag.gone", Level: Must, Basis: Implied, Feature: FeatureDeleteTag, Profile: ProfileFull,
		Section: "deleting-tags", Since: Since11, Row: "161",
		Statement: "Answers 404 to a GET of a tag that was deleted.",
	}
	ManagementManifestAccepted = Requirement{
		ID: "management.manifest.accepted", Level: Must, Basis: Text, Feature: FeatureDeleteManifest, Profile: ProfileFull,
		Section: "deleting-manifests", Since: Since10, Row: "162",
		Statement: "Answers 202 when it deleted a manifest.",
	}
	ManagementManifestRepositoryUnknown = Requirement{
		ID: "management.manifest.repository-unknown", Level: Must, Basis: Text, Feature: FeatureDeleteManifest, Profile: ProfileFull,
		Section: "deleting-manifests", Since: Since10, Row: "163",
		Statement: "Answers 404 to a DELETE of a manifest in a repository that doesn't exist, unless manifest deletion is disabled.",
	}
	ManagementManifestDisabled = Requirement{
		ID: "management.manifest.disabled", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "deleting-manifests", Since: Since10, Row: "164",
		Statement: "Answers 400 or 405 to a DELETE of a manifest if manifest deletion is disabled.",
	}
	ManagementManifestGone = Requirement{
		ID: "management.manifest.gone", Level: Must, Basis: Implied, Feature: FeatureDeleteManifest, Profile: ProfileFull,
		Section: "deleting-manifests", Since: Since11, Row: "165",
		Statement: "Answers 404 to a GET of the digest of a manifest that was deleted.",
	}
	ManagementManifestTagsGone = Requirement{
		ID: "management.manifest.tags-gone", Level: Must, Basis: Implied, Feature: FeatureDeleteManifest, Profile: ProfileFull,
		Section: "deleting-manifests", Since: Since11, Row: "166",
		Statement: "Answers 404 to a GET of every tag that pointed to a manifest that was deleted.",
	}
	ManagementBlobAccepted = Requirement{
		ID: "management.blob.accepted", Level: Must, Basis: Text, Feature: FeatureDeleteBlob, Profile: ProfileFull,
		Section: "deleting-blobs", Since: Since10, Row: "170",
		Statement: "Answers 202 when it deleted a blob.",
	}
	ManagementBlobUnknown = Requirement{
		ID: "management.blob.unknown", Level: Must, Basis: Text, Feature: FeatureDeleteBlob, Profile: ProfileFull,
		Section: "deleting-blobs", Since: Since10, Row: "171",
		Statement: "Answers 404 to a DELETE of a blob that the repository doesn't hold, unless blob deletion is disabled.",
	}
	ManagementBlobDisabled = Requirement{
		ID: "management.blob.disabled", Level: Must, Basis: Text, Feature: FeatureCore, Profile: ProfileFull,
		Section: "deleting-blobs", Since: Since10, Row: "172",
		Statement: "Answers 400 or 405 to a DELETE of a blob if blob deletion is disabled.",
	}
)

func managementChapter() []Requirement {
	return []Requirement{
		ManagementDeleteSupported,
		ManagementTagSupported,
		ManagementTagAccepted,
		ManagementTagDisabled,
		ManagementTagGone,
		ManagementManifestAccepted,
		ManagementManifestRepositoryUnknown,
		ManagementManifestDisabled,
		ManagementManifestGone,
		ManagementManifestTagsGone,
		ManagementBlobAccepted,
		ManagementBlobUnknown,
		ManagementBlobDisabled,
	}
}
