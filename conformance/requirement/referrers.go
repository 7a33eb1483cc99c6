package requirement

// Listing referrers, the fallback tag, and the step from one to the other.
var (
	ReferrersListOk = Requirement{
		ID: "referrers.list.ok", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "137",
		Statement: "Answers 200 to a GET of the referrers of a digest in a repository that exists.",
	}
	ReferrersListNever404 = Requirement{
		ID: "referrers.list.never-404", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "138",
		Statement: "Never answers 404 to a valid request for referrers, if it has the referrers API.",
	}
	ReferrersDigestInvalid = Requirement{
		ID: "referrers.digest.invalid", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "139",
		Statement: "Answers 400 to a request for the referrers of a malformed digest.",
	}
	ReferrersListIndex = Requirement{
		ID: "referrers.list.index", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "140",
		Statement: "Lists referrers as the JSON of an image index.",
	}
	ReferrersListContentType = Requirement{
		ID: "referrers.list.content-type", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "141",
		Statement: "Sends a list of referrers with the Content-Type of an OCI image index.",
	}
	ReferrersListOnly = Requirement{
		ID: "referrers.list.only", Level: Must, Basis: Implied, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "142",
		Statement: "Lists only manifests of the repository whose subject is the digest asked for.",
	}
	ReferrersArtifactTypeGiven = Requirement{
		ID: "referrers.artifact-type.given", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "143",
		Statement: "Lists a referrer with the artifactType of its manifest or index, if that has one.",
	}
	ReferrersArtifactTypeConfig = Requirement{
		ID: "referrers.artifact-type.config", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "144",
		Statement: "Lists an image manifest without artifactType with the media type of its config as artifactType.",
	}
	ReferrersArtifactTypeIndex = Requirement{
		ID: "referrers.artifact-type.index", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "145",
		Statement: "Lists an index without artifactType with no artifactType.",
	}
	ReferrersListAnnotations = Requirement{
		ID: "referrers.list.annotations", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "146",
		Statement: "Lists a referrer with the annotations of its manifest or index.",
	}
	ReferrersListEmpty = Requirement{
		ID: "referrers.list.empty", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "147",
		Statement: "Returns an image index with an empty list when nothing refers to the digest asked for.",
	}
	ReferrersLinkNeeded = Requirement{
		ID: "referrers.link.needed", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "148",
		Statement: "Sends a Link when one answer doesn't hold all referrers.",
	}
	ReferrersLinkPages = Requirement{
		ID: "referrers.link.pages", Level: Must, Basis: Implied, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "149",
		Statement: "Returns each page of referrers as an image index whose descriptors stand on no other page.",
	}
	ReferrersLinkForm = Requirement{
		ID: "referrers.link.form", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "150",
		Statement: "Writes the Link of a list of referrers as RFC 5988 describes, with the relation next.",
	}
	ReferrersFilterSupported = Requirement{
		ID: "referrers.filter.supported", Level: Should, Basis: Text, Feature: FeatureReferrersFilter, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "151",
		Statement: "Lists only the referrers of the artifactType asked for.",
	}
	ReferrersFilterHeader = Requirement{
		ID: "referrers.filter.header", Level: Must, Basis: Text, Feature: FeatureReferrersFilter, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "152",
		Statement: "Sends OCI-Filters-Applied with the value artifactType when it applied that filter.",
	}
	ReferrersFilterHeaderList = Requirement{
		ID: "referrers.filter.header-list", Level: Must, Basis: Text, Feature: FeatureReferrersFilter, Profile: ProfileFull,
		Section: "listing-referrers", Since: Since11, Row: "153",
		Statement: "Sends OCI-Filters-Applied as a list with commas when it applied several filters.",
	}
	ReferrersFallbackTag = Requirement{
		ID: "referrers.fallback.tag", Level: Must, Basis: Implied, Feature: FeaturePush, Profile: ProfileFull,
		Section: "referrers-tag-schema", Since: Since11, Row: "177",
		Statement: "Stores and serves the index that a client keeps under the fallback tag, which joins algorithm and encoded part of the subject's digest by a hyphen.",
	}
	ReferrersUpgradeListed = Requirement{
		ID: "referrers.upgrade.listed", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "enabling-the-referrers-api", Since: Since11, Row: "179",
		Statement: "Lists, once it has the referrers API, the older manifests that an index under a fallback tag names and that have a valid subject.",
	}
	ReferrersUpgradeAll = Requirement{
		ID: "referrers.upgrade.all", Level: May, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "enabling-the-referrers-api", Since: Since11, Row: "180",
		Statement: "Lists, once it has the referrers API, every older manifest that has a subject, or those under fallback tags alone.",
	}
	ReferrersListPushed = Requirement{
		ID: "referrers.list.pushed", Level: Must, Basis: Text, Feature: FeatureReferrers, Profile: ProfileFull,
		Section: "enabling-the-referrers-api", Since: Since11, Row: "181",
		Statement: "Lists every manifest that is pushed with a valid subject.",
	}
)

func referrersChapter() []Requirement {
	return []Requirement{
		ReferrersListOk,
		ReferrersListNever404,
		ReferrersDigestInvalid,
		ReferrersListIndex,
		ReferrersListContentType,
		ReferrersListOnly,
		ReferrersArtifactTypeGiven,
		ReferrersArtifactTypeConfig,
		ReferrersArtifactTypeIndex,
		ReferrersListAnnotations,
		ReferrersListEmpty,
		ReferrersLinkNeeded,
		ReferrersLinkPages,
		ReferrersLinkForm,
		ReferrersFilterSupported,
		ReferrersFilterHeader,
		ReferrersFilterHeaderList,
		ReferrersFallbackTag,
		ReferrersUpgradeListed,
		ReferrersUpgradeAll,
		ReferrersListPushed,
	}
}
