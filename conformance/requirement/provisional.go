package requirement

// Added or changed on the specification's main branch after 1.1.1; not released,
// so all of them are Provisional. Their ids name the chapter that they belong to.
var (
	PullManifestDigestHeaderRequired = Requirement{
		ID: "pull.manifest.digest-header-required", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-manifests", Since: SinceNext, Row: "D1", Provisional: true,
		Statement: "Always sends Docker-Content-Digest with a manifest that it returns.",
	}
	PullBlobDigestHeaderRequired = Requirement{
		ID: "pull.blob.digest-header-required", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "pulling-blobs", Since: SinceNext, Row: "D2", Provisional: true,
		Statement: "Always sends Docker-Content-Digest with a whole blob that it returns.",
	}
	PullHeadDigestHeaderRequired = Requirement{
		ID: "pull.head.digest-header-required", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: SinceNext, Row: "D3", Provisional: true,
		Statement: "Always sends Docker-Content-Digest with a successful HEAD of a blob or a manifest.",
	}
	PullHeadLengthRequired = Requirement{
		ID: "pull.head.length-required", Level: Must, Basis: Text, Feature: FeaturePull, Profile: ProfilePull,
		Section: "checking-if-content-exists-in-the-registry", Since: SinceNext, Row: "D4", Provisional: true,
		Statement: "Always sends the size of the content as Content-Length with a successful HEAD of a blob or a manifest.",
	}
	PushBlobDigestInvalid = Requirement{
		ID: "push.blob.digest-invalid", Level: Should, Basis: Text, Feature: FeaturePush, Profile: ProfilePush,
		Section: "pushing-blobs", Since: SinceNext, Row: "D5", Provisional: true,
		Statement: "Answers 400 to an upload whose digest is malformed or of an algorithm that it doesn't support.",
	}
	ChunkedSessionDigestAlgorithm = Requirement{
		ID: "chunked.session.digest-algorithm", Level: Should, Basis: Text, Feature: FeatureDigestAlgorithm, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: SinceNext, Row: "D6", Provisional: true,
		Statement: "Finishes an upload under a digest of the algorithm that the opening POST named in digest-algorithm.",
	}
	ChunkedPatchRangeWhole = Requirement{
		ID: "chunked.patch.range-whole", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: SinceNext, Row: "D7", Provisional: true,
		Statement: "Counts, in the Range sent with the 202 to a chunk, all bytes of the blob so far and not those of the chunk alone.",
	}
	ChunkedPutOutOfOrder = Requirement{
		ID: "chunked.put.out-of-order", Level: Must, Basis: Text, Feature: FeatureUploadChunked, Profile: ProfilePush,
		Section: "pushing-a-blob-in-chunks", Since: SinceNext, Row: "D8", Provisional: true,
		Statement: "Answers 416 to a closing PUT with a chunk that doesn't begin right after the last byte received.",
	}
	CancelUploadAccepted = Requirement{
		ID: "cancel.upload.accepted", Level: Should, Basis: Text, Feature: FeatureUploadCancel, Profile: ProfilePush,
		Section: "cancel-a-blob-upload", Since: SinceNext, Row: "D9", Provisional: true,
		Statement: "Answers 204 to a DELETE of an upload session.",
	}
	CancelUploadTimeout = Requirement{
		ID: "cancel.upload.timeout", Level: Should, Basis: Text, Feature: FeatureUploadCancel, Profile: ProfilePush,
		Section: "cancel-a-blob-upload", Since: SinceNext, Row: "D12", Provisional: true,
		Statement: "Ends upload sessions that are left unfinished after some time.",
	}
	CancelUploadGone = Requirement{
		ID: "cancel.upload.gone", Level: Must, Basis: Implied, Feature: FeatureUploadCancel, Profile: ProfilePush,
		Section: "cancel-a-blob-upload", Since: SinceNext, Row: "D13", Provisional: true,
		Statement: "Knows an upload session no longer once it answered 204 to its DELETE.",
	}
	ManifestsTagParamsSupported = Requirement{
		ID: "manifests.tag-params.supported", Level: May, Basis: Text, Feature: FeatureTagParams, Profile: ProfilePush,
		Section: "pushing-manifests", Since: SinceNext, Row: "D14", Provisional: true,
		Statement: "Tags a manifest pushed by digest with every name given as a tag parameter, or tags none and sends no OCI-Tag.",
	}
	ManifestsTagParamsTen = Requirement{
		ID: "manifests.tag-params.ten", Level: Should, Basis: Text, Feature: FeatureTagParams, Profile: ProfilePush,
		Section: "pushing-manifests", Since: SinceNext, Row: "D15", Provisional: true,
		Statement: "Takes at least 10 tag parameters in one push of a manifest.",
	}
	ManifestsTagParamsTooMany = Requirement{
		ID: "manifests.tag-params.too-many", Level: May, Basis: Text, Feature: FeatureTagParams, Profile: ProfilePush,
		Section: "pushing-manifests", Since: SinceNext, Row: "D16", Provisional: true,
		Statement: "Takes a push with a great number of tag parameters, or refuses it with 414.",
	}
	ManifestsTagParamsHeader = Requirement{
		ID: "manifests.tag-params.header", Level: Must, Basis: Text, Feature: FeatureTagParams, Profile: ProfilePush,
		Section: "pushing-manifests", Since: SinceNext, Row: "D17", Provisional: true,
		Statement: "Names each tag that it set for a tag parameter in an OCI-Tag header.",
	}
	TagsListOrderWidened = Requirement{
		ID: "tags.list.order-widened", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: SinceNext, Row: "D19", Provisional: true,
		Statement: "Orders tags of mixed case by folded case or by byte value, whichever form of the request lists them.",
	}
	ProxyNamespaceUsed = Requirement{
		ID: "proxy.namespace.used", Level: May, Basis: Text, Feature: FeatureProxy, Profile: ProfilePull,
		Section: "registry-proxying", Since: SinceNext, Row: "D20", Provisional: true,
		Statement: "Uses the ns parameter of a pull as the name of the source registry, or ignores it.",
	}
	ProxyNamespaceEchoed = Requirement{
		ID: "proxy.namespace.echoed", Level: Should, Basis: Text, Feature: FeatureProxy, Profile: ProfilePull,
		Section: "registry-proxying", Since: SinceNext, Row: "D21", Provisional: true,
		Statement: "Echoes the ns parameter of a pull in OCI-Namespace if it used it.",
	}
	ReferrersFallbackAlgorithmLength = Requirement{
		ID: "referrers.fallback.algorithm-length", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfileFull,
		Section: "referrers-tag-schema", Since: SinceNext, Row: "D23", Provisional: true,
		Statement: "Stores and serves an index under a fallback tag whose algorithm part has been cut at 32 characters.",
	}
	ReferrersFallbackEncodedLength = Requirement{
		ID: "referrers.fallback.encoded-length", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfileFull,
		Section: "referrers-tag-schema", Since: SinceNext, Row: "D24", Provisional: true,
		Statement: "Stores and serves an index under a fallback tag whose encoded part has been cut at 64 characters, as for sha512.",
	}
	ReferrersFallbackCharacters = Requirement{
		ID: "referrers.fallback.characters", Level: Must, Basis: Text, Feature: FeaturePush, Profile: ProfileFull,
		Section: "referrers-tag-schema", Since: SinceNext, Row: "D25", Provisional: true,
		Statement: "Stores and serves an index under a fallback tag in which hyphens stand for the characters that a tag can't have.",
	}
	ApiHttpSemantics = Requirement{
		ID: "api.http.semantics", Level: Should, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "api", Since: SinceNext, Row: "D26", Provisional: true,
		Statement: "Keeps to the rules of HTTP in RFC 9110 wherever the specification is silent.",
	}
	ApiHttpRedirect = Requirement{
		ID: "api.http.redirect", Level: May, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "api", Since: SinceNext, Row: "D27", Provisional: true,
		Statement: "Answers any request itself or with a redirect that leads to the answer.",
	}
	ErrorsRateLimitRetryAfter = Requirement{
		ID: "errors.rate-limit.retry-after", Level: Should, Basis: Text, Feature: FeatureCore, Profile: ProfilePull,
		Section: "error-codes", Since: SinceNext, Row: "D29", Provisional: true,
		Statement: "Sends Retry-After with a 429.",
	}
)

func provisionalChapter() []Requirement {
	return []Requirement{
		PullManifestDigestHeaderRequired,
		PullBlobDigestHeaderRequired,
		PullHeadDigestHeaderRequired,
		PullHeadLengthRequired,
		PushBlobDigestInvalid,
		ChunkedSessionDigestAlgorithm,
		ChunkedPatchRangeWhole,
		ChunkedPutOutOfOrder,
		CancelUploadAccepted,
		CancelUploadTimeout,
		CancelUploadGone,
		ManifestsTagParamsSupported,
		ManifestsTagParamsTen,
		ManifestsTagParamsTooMany,
		ManifestsTagParamsHeader,
		TagsListOrderWidened,
		ProxyNamespaceUsed,
		ProxyNamespaceEchoed,
		ReferrersFallbackAlgorithmLength,
		ReferrersFallbackEncodedLength,
		ReferrersFallbackCharacters,
		ApiHttpSemantics,
		ApiHttpRedirect,
		ErrorsRateLimitRetryAfter,
	}
}
