package requirement

// Pushing manifests, with and without a subject.
var (
	ManifestsSubjectAbsent = Requirement{
		ID: "manifests.subject.absent", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "push", Since: Since11, Row: "43",
		Statement: "Accepts an otherwise valid manifest whose subject the repository doesn't hold.",
	}
	ManifestsContentUnknown = Requirement{
		ID: "manifests.content.unknown", Level: May, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "push", Since: Since10, Row: "44",
		Statement: "Stores a manifest that names a blob or manifest that it doesn't hold, or refuses it.",
	}
	// The text names MANIFEST_BLOB_UNKNOWN and points to code-1, which is BLOB_UNKNOWN: the
	// name is taken to be meant.
	ManifestsContentUnknownCode = Requirement{
		ID: "manifests.content.unknown-code", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "push", Since: Since11, Row: "45",
		Statement: "Reports MANIFEST_BLOB_UNKNOWN at least once when it refuses a manifest for naming content that it doesn't hold.",
	}
	ManifestsContentTypeParameters = Requirement{
		ID: "manifests.content-type.parameters", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "96",
		Statement: "Ignores parameters on the Content-Type of a manifest that is pushed.",
	}
	ManifestsReferenceOther = Requirement{
		ID: "manifests.reference.other", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since10, Row: "99",
		Statement: "Refuses a manifest pushed under a reference that is neither a digest nor a tag.",
	}
	ManifestsContentNoBlobs = Requirement{
		ID: "manifests.content.no-blobs", Level: May, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since10, Row: "101",
		Statement: "Stores a manifest with an empty list of layers, or refuses it with a 4xx answer.",
	}
	ManifestsContentExact = Requirement{
		ID: "manifests.content.exact", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "102",
		Statement: "Stores a manifest byte for byte as it was pushed.",
	}
	ManifestsPushCreated = Requirement{
		ID: "manifests.push.created", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since10, Row: "103",
		Statement: "Answers 201 to a PUT of a manifest that it stored.",
	}
	ManifestsPushLocation = Requirement{
		ID: "manifests.push.location", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since10, Row: "104",
		Statement: "Sends a Location with the 201 to a manifest.",
	}
	ManifestsPushLocationPullable = Requirement{
		ID: "manifests.push.location-pullable", Level: Must, Basis: Implied, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since10, Row: "105",
		Statement: "Serves the manifest from the Location that it sends when the manifest is stored.",
	}
	ManifestsPushDigestHeader = Requirement{
		ID: "manifests.push.digest-header", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "106",
		Statement: "Sends a Docker-Content-Digest with the 201 to a manifest pushed by digest, if at all, that equals the digest the client gave.",
	}
	ManifestsSizeLimit = Requirement{
		ID: "manifests.size.limit", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "109",
		Statement: "Limits the size of the manifests that it accepts.",
	}
	ManifestsSizeTooLarge = Requirement{
		ID: "manifests.size.too-large", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "110",
		Statement: "Answers 413 to a manifest that it refuses for its size.",
	}
	ManifestsSizeFourMegabytes = Requirement{
		ID: "manifests.size.four-megabytes", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-manifests", Since: Since11, Row: "111",
		Statement: "Accepts a manifest of 4 megabytes.",
	}
	ManifestsSubjectHeader = Requirement{
		ID: "manifests.subject.header", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfilePush,
		Section: "pushing-manifests-with-subject", Since: Since11, Row: "112",
		Statement: "Sends OCI-Subject with the subject's digest when a manifest with a subject is pushed, if it has the referrers API.",
	}
	ManifestsDigestMismatch = Requirement{
		ID: "manifests.digest.mismatch", Level: Must, Basis: Table, Feature: FeaturePush, Profile: ProfilePush,
		Section: "endpoints", Since: Since10, Row: "188",
		Statement: "Refuses a manifest pushed under a digest that isn't its own.",
	}
)

func manifestsChapter() []Requirement {
	return []Requirement{
		ManifestsSubjectAbsent,
		ManifestsContentUnknown,
		ManifestsContentUnknownCode,
		ManifestsContentTypeParameters,
		ManifestsReferenceOther,
		ManifestsContentNoBlobs,
		ManifestsContentExact,
		ManifestsPushCreated,
		ManifestsPushLocation,
		ManifestsPushLocationPullable,
		ManifestsPushDigestHeader,
		ManifestsSizeLimit,
		ManifestsSizeTooLarge,
		ManifestsSizeFourMegabytes,
		ManifestsSubjectHeader,
		ManifestsDigestMismatch,
	}
}
