package requirement

// Manifests of schema 1, signed.
var (
	Schema1PushCreated = Requirement{
		ID: "schema1.push.created", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Answers 201 with a Location to a PUT of a signed manifest whose signature is right.",
	}
	Schema1PushDigest = Requirement{
		ID: "schema1.push.digest", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Takes a signed manifest that is pushed under the digest of its payload.",
	}
	Schema1PushAlgorithms = Requirement{
		ID: "schema1.push.algorithms", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signed-manifest-field-description", Since: SinceSchema1,
		Statement: "Takes signatures by each of the algorithms ES256, ES384, ES512, RS256, RS384 and RS512.",
	}
	Schema1PushChain = Requirement{
		ID: "schema1.push.chain", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signing-manifests", Since: SinceSchema1,
		Statement: "Takes a signature whose key comes as a chain of certificates.",
	}
	Schema1PushTypeJson = Requirement{
		ID: "schema1.push.type-json", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "image-manifest-version-2-schema-1", Since: SinceSchema1,
		Statement: "Takes a signed manifest that is pushed as application/json.",
	}
	Schema1PullContent = Requirement{
		ID: "schema1.pull.content", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "get-manifest", Since: SinceDockerV2,
		Statement: "Returns the payload of a signed manifest byte for byte, by tag and by digest.",
	}
	Schema1PullSigned = Requirement{
		ID: "schema1.pull.signed", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pulling-an-image", Since: SinceDockerV2,
		Statement: "Returns a signed manifest with at least one signature, and each of them is right for the payload and its key.",
	}
	Schema1PullType = Requirement{
		ID: "schema1.pull.type", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "image-manifest-version-2-schema-1", Since: SinceSchema1,
		Statement: "Returns a signed manifest as application/vnd.docker.distribution.manifest.v1+prettyjws.",
	}
	Schema1PullHead = Requirement{
		ID: "schema1.pull.head", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "existing-manifests", Since: SinceDockerV2,
		Statement: "Answers a HEAD of a signed manifest with 200 and the Content-Length that a GET has.",
	}
	Schema1PullAnyAccept = Requirement{
		ID: "schema1.pull.any-accept", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pulling-an-image-manifest", Since: SinceDockerV2,
		Statement: "Returns a signed manifest to a client that accepts its type, that accepts any, and that doesn't say what it accepts.",
	}
	Schema1PullRewritten = Requirement{
		ID: "schema1.pull.rewritten", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pulling-an-image-manifest", Since: SinceDockerV2,
		Statement: "Answers a client that accepts schema 1 alone, and asks for an image of schema 2, with the image as it is, with a signed manifest of its layers whose signatures are right, or with 404 or 406.",
	}
	Schema1DigestHeader = Requirement{
		ID: "schema1.digest.header", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "digest-header", Since: SinceDockerV2,
		Statement: "Sends the digest of the payload as Docker-Content-Digest when a signed manifest is pushed or pulled.",
	}
	Schema1DigestMismatch = Requirement{
		ID: "schema1.digest.mismatch", Level: Must, Basis: Text, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Refuses a signed manifest that is pushed under another digest than that of its payload.",
	}
	Schema1SignatureKept = Requirement{
		ID: "schema1.signature.kept", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signed-manifests", Since: SinceSchema1,
		Statement: "Returns a signed manifest with every signature that it was pushed with.",
	}
	Schema1SignatureMerged = Requirement{
		ID: "schema1.signature.merged", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signed-manifests", Since: SinceSchema1,
		Statement: "Returns the signatures of all who pushed the same payload.",
	}
	Schema1SignatureOrder = Requirement{
		ID: "schema1.signature.order", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signed-manifests", Since: SinceSchema1,
		Statement: "Returns the signatures of a manifest in the same order whenever it is asked, and in whatever order they were pushed.",
	}
	Schema1SignatureRepeated = Requirement{
		ID: "schema1.signature.repeated", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "signed-manifests", Since: SinceSchema1,
		Statement: "Returns a signature once that was pushed twice.",
	}
	Schema1PayloadTampered = Requirement{
		ID: "schema1.payload.tampered", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest whose payload was changed after it had been signed.",
	}
	Schema1ProtectedTampered = Requirement{
		ID: "schema1.protected.tampered", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest whose protected header was changed after it had been signed.",
	}
	Schema1SignatureTampered = Requirement{
		ID: "schema1.signature.tampered", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest whose signature was changed.",
	}
	Schema1SignatureForeign = Requirement{
		ID: "schema1.signature.foreign", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest with the signature of another manifest.",
	}
	Schema1KeyExchanged = Requirement{
		ID: "schema1.key.exchanged", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest whose key was exchanged for another of the same kind.",
	}
	Schema1KeyMissing = Requirement{
		ID: "schema1.key.missing", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest whose signature has no key.",
	}
	Schema1KeyId = Requirement{
		ID: "schema1.key.id", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest whose key has the kid of another.",
	}
	Schema1AlgorithmMismatch = Requirement{
		ID: "schema1.algorithm.mismatch", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest whose signature claims an algorithm that its key doesn't have.",
	}
	Schema1LengthTampered = Requirement{
		ID: "schema1.length.tampered", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest whose protected length was changed.",
	}
	Schema1SignatureMissing = Requirement{
		ID: "schema1.signature.missing", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a manifest that is pushed as a signed one and has no signatures.",
	}
	Schema1SignatureEmpty = Requirement{
		ID: "schema1.signature.empty", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest whose list of signatures is empty.",
	}
	Schema1SignatureOneWrong = Requirement{
		ID: "schema1.signature.one-wrong", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED to a signed manifest of which one signature is right and another is not.",
	}
	Schema1ContentUnprotected = Requirement{
		ID: "schema1.content.unprotected", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with MANIFEST_UNVERIFIED or MANIFEST_INVALID to a signed manifest with fields outside of what the signature protects.",
	}
	Schema1RefusedUnserved = Requirement{
		ID: "schema1.refused.unserved", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Serves nothing of a signed manifest that it refused.",
	}
	Schema1NameMismatch = Requirement{
		ID: "schema1.name.mismatch", Level: Must, Basis: Text, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Answers 400 with NAME_INVALID or MANIFEST_INVALID to a signed manifest whose name isn't that of the repository.",
	}
	Schema1NameInvalid = Requirement{
		ID: "schema1.name.invalid", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with NAME_INVALID or MANIFEST_INVALID to a signed manifest whose name lies outside the name grammar.",
	}
	Schema1TagMismatch = Requirement{
		ID: "schema1.tag.mismatch", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "errors-2", Since: SinceDockerV2,
		Statement: "Answers 400 with TAG_INVALID to a signed manifest whose tag isn't the one that it is pushed to.",
	}
	Schema1HistoryCount = Requirement{
		ID: "schema1.history.count", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "manifest-field-descriptions", Since: SinceSchema1,
		Statement: "Answers 400 with MANIFEST_INVALID to a signed manifest that hasn't as many entries of history as layers.",
	}
	Schema1LayersUnknown = Requirement{
		ID: "schema1.layers.unknown", Level: Must, Basis: Table, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Reports BLOB_UNKNOWN or MANIFEST_BLOB_UNKNOWN for each missing layer when it refuses a signed manifest with 400 for layers that it doesn't hold.",
	}
	Schema1LayersUnknownOnce = Requirement{
		ID: "schema1.layers.unknown-once", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Reports a missing layer once that a signed manifest names several times.",
	}
	Schema1ErrorsSeveral = Requirement{
		ID: "schema1.errors.several", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Reports that a signed manifest isn't verified and which of its layers are missing in one answer.",
	}
	Schema1TypeMismatch = Requirement{
		ID: "schema1.type.mismatch", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Refuses a manifest of schema 1 that is pushed with the type of schema 2, and the other way round.",
	}
	Schema1TypeConfused = Requirement{
		ID: "schema1.type.confused", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "pushing-an-image-manifest", Since: SinceDockerV2,
		Statement: "Refuses a signed manifest that has the layers or manifests of another format as well.",
	}
	Schema1SizeTooLarge = Requirement{
		ID: "schema1.size.too-large", Level: Must, Basis: Implied, Feature: FeatureSchema1, Profile: ProfileSchema1,
		Section: "put-manifest", Since: SinceDockerV2,
		Statement: "Answers a signed manifest that is too large for it with 4xx.",
	}
)

func schema1Chapter() []Requirement {
	return []Requirement{
		Schema1PushCreated,
		Schema1PushDigest,
		Schema1PushAlgorithms,
		Schema1PushChain,
		Schema1PushTypeJson,
		Schema1PullContent,
		Schema1PullSigned,
		Schema1PullType,
		Schema1PullHead,
		Schema1PullAnyAccept,
		Schema1PullRewritten,
		Schema1DigestHeader,
		Schema1DigestMismatch,
		Schema1SignatureKept,
		Schema1SignatureMerged,
		Schema1SignatureOrder,
		Schema1SignatureRepeated,
		Schema1PayloadTampered,
		Schema1ProtectedTampered,
		Schema1SignatureTampered,
		Schema1SignatureForeign,
		Schema1KeyExchanged,
		Schema1KeyMissing,
		Schema1KeyId,
		Schema1AlgorithmMismatch,
		Schema1LengthTampered,
		Schema1SignatureMissing,
		Schema1SignatureEmpty,
		Schema1SignatureOneWrong,
		Schema1ContentUnprotected,
		Schema1RefusedUnserved,
		Schema1NameMismatch,
		Schema1NameInvalid,
		Schema1TagMismatch,
		Schema1HistoryCount,
		Schema1LayersUnknown,
		Schema1LayersUnknownOnce,
		Schema1ErrorsSeveral,
		Schema1TypeMismatch,
		Schema1TypeConfused,
		Schema1SizeTooLarge,
	}
}
