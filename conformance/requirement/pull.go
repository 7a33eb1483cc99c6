package requirement

// Pulling manifests and blobs, and asking whether they exist.
var (
	PullReferenceOther = Requirement{
		ID: "pull.reference.other", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "11",
		Statement: "Never answers with success a GET of a manifest whose reference is neither a digest nor a tag.",
	}
	PullTagLength = Requirement{
		ID: "pull.tag.length", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since11, Row: "13",
		Statement: "Never takes a tag of more than 128 characters as valid, in a pull or a push.",
	}
	PullTagGrammar = Requirement{
		ID: "pull.tag.grammar", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since11, Row: "14",
		Statement: "Never takes a tag outside the tag grammar as valid, in a pull or a push.",
	}
	PullManifestContentType = Requirement{
		ID: "pull.manifest.content-type", Level: Must, Basis: Implied, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "16",
		Statement: "Tells the type of the manifest that it returns in Content-Type.",
	}
	PullManifestContentTypeBare = Requirement{
		ID: "pull.manifest.content-type-bare", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since11, Row: "17",
		Statement: "Returns a manifest with a Content-Type that has no parameters.",
	}
	PullManifestContentTypePushed = Requirement{
		ID: "pull.manifest.content-type-pushed", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "19",
		Statement: "Returns a manifest with the Content-Type that it was pushed with.",
	}
	PullManifestContent = Requirement{
		ID: "pull.manifest.content", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "21",
		Statement: "Returns, to a GET of a manifest that the repository holds, that very manifest.",
	}
	PullManifestOk = Requirement{
		ID: "pull.manifest.ok", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "22",
		Statement: "Answers 200 to a GET of a manifest that the repository holds.",
	}
	PullManifestDigestHeader = Requirement{
		ID: "pull.manifest.digest-header", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "23",
		Statement: "Sends Docker-Content-Digest with a manifest that it returns.",
	}
	PullManifestDigestCanonical = Requirement{
		ID: "pull.manifest.digest-canonical", Level: May, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "24",
		Statement: "Names the manifest's canonical digest, where it sends Docker-Content-Digest, even if that isn't the digest asked for.",
	}
	PullManifestDigestAlgorithm = Requirement{
		ID: "pull.manifest.digest-algorithm", Level: May, Basis: Text, Feature: FeatureSha512, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "25",
		Statement: "Names a manifest asked for by one hash algorithm with a digest of the same bytes by the same or by another algorithm.",
	}
	PullManifestUnknown = Requirement{
		ID: "pull.manifest.unknown", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: Since10, Row: "28",
		Statement: "Answers 404 to a GET of a manifest that the repository doesn't hold.",
	}
	PullBlobContent = Requirement{
		ID: "pull.blob.content", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since10, Row: "29",
		Statement: "Returns, to a GET of a blob that the repository holds, exactly the bytes of that blob.",
	}
	PullBlobOk = Requirement{
		ID: "pull.blob.ok", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since10, Row: "30",
		Statement: "Answers 200 to a GET of a whole blob that the repository holds, at the end of any redirects.",
	}
	PullBlobDigestHeader = Requirement{
		ID: "pull.blob.digest-header", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since10, Row: "31",
		Statement: "Sends Docker-Content-Digest with a blob that it returns.",
	}
	PullBlobDigestMatches = Requirement{
		ID: "pull.blob.digest-matches", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since10, Row: "32",
		Statement: "Sends a Docker-Content-Digest with a whole blob, if at all, that is a digest of the bytes returned, by any algorithm.",
	}
	PullBlobUnknown = Requirement{
		ID: "pull.blob.unknown", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since10, Row: "35",
		Statement: "Answers 404 to a GET of a blob that the repository doesn't hold.",
	}
	PullBlobRange = Requirement{
		ID: "pull.blob.range", Level: Should, Basis: Text, Feature: FeatureRange, Profile: ProfilePull,
		Section: "pulling-blobs", Since: Since11, Row: "36",
		Statement: "Honours Range on a GET of a blob as RFC 9110 describes, with 206 and the bytes asked for or 416 for a range that can't be met.",
	}
	PullBlobHead = Requirement{
		ID: "pull.blob.head", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since10, Row: "37",
		Statement: "Answers 200 to a HEAD of a blob that the repository holds.",
	}
	PullManifestHead = Requirement{
		ID: "pull.manifest.head", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since10, Row: "38",
		Statement: "Answers 200 to a HEAD of a manifest that the repository holds.",
	}
	PullHeadDigestHeader = Requirement{
		ID: "pull.head.digest-header", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since10, Row: "39",
		Statement: "Sends Docker-Content-Digest with a successful HEAD of a blob or a manifest.",
	}
	PullHeadLength = Requirement{
		ID: "pull.head.length", Level: Should, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since11, Row: "40",
		Statement: "Sends the size of the content as Content-Length with a successful HEAD of a blob or a manifest.",
	}
	PullBlobHeadUnknown = Requirement{
		ID: "pull.blob.head-unknown", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since10, Row: "41",
		Statement: "Answers 404 to a HEAD of a blob that the repository doesn't hold.",
	}
	PullManifestHeadUnknown = Requirement{
		ID: "pull.manifest.head-unknown", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: Since10, Row: "42",
		Statement: "Answers 404 to a HEAD of a manifest that the repository doesn't hold.",
	}
	PullRepositoryUnknown = Requirement{
		ID: "pull.repository.unknown", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pushing-manifests", Since: Since10, Row: "108",
		Statement: "Answers 404 to a pull from a repository that doesn't exist.",
	}
)

func pullChapter() []Requirement {
	return []Requirement{
		PullReferenceOther,
		PullTagLength,
		PullTagGrammar,
		PullManifestContentType,
		PullManifestContentTypeBare,
		PullManifestContentTypePushed,
		PullManifestContent,
		PullManifestOk,
		PullManifestDigestHeader,
		PullManifestDigestCanonical,
		PullManifestDigestAlgorithm,
		PullManifestUnknown,
		PullBlobContent,
		PullBlobOk,
		PullBlobDigestHeader,
		PullBlobDigestMatches,
		PullBlobUnknown,
		PullBlobRange,
		PullBlobHead,
		PullManifestHead,
		PullHeadDigestHeader,
		PullHeadLength,
		PullBlobHeadUnknown,
		PullManifestHeadUnknown,
		PullRepositoryUnknown,
	}
}
