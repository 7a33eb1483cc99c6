package requirement

// Listing tags.
var (
	TagsListOk = Requirement{
		ID: "tags.list.ok", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "121",
		Statement: "Answers 200 to a GET of the tag list of a repository that exists.",
	}
	TagsListEmpty = Requirement{
		ID: "tags.list.empty", Level: May, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "122",
		Statement: "Lists no tags for a repository that has none.",
	}
	// The text calls the order lexical and explains that as case-insensitive; the revision
	// after it permits the order of bytes too, as most registries always had it.
	TagsListOrder = Requirement{
		ID: "tags.list.order", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "123",
		Statement: "Lists tags in lexical order, whether by folded case or by byte value.",
	}
	TagsListForm = Requirement{
		ID: "tags.list.form", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "124",
		Statement: "Lists tags as a JSON object that holds the repository's name and its tags.",
	}
	TagsNFewer = Requirement{
		ID: "tags.n.fewer", Level: May, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "125",
		Statement: "Returns fewer than n tags only if no more exist or if a Link goes with them.",
	}
	TagsNExact = Requirement{
		ID: "tags.n.exact", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "126",
		Statement: "Returns exactly n tags when n is given, unless fewer exist or a Link goes with fewer.",
	}
	TagsLinkGiven = Requirement{
		ID: "tags.link.given", Level: May, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since11, Row: "127",
		Statement: "Sends a Link when further tags exist, so that following it leads to all of them, or sends none.",
	}
	TagsLinkForm = Requirement{
		ID: "tags.link.form", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since11, Row: "128",
		Statement: "Writes the Link of a tag list as RFC 5988 describes, with the relation next.",
	}
	TagsNZero = Requirement{
		ID: "tags.n.zero", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "129",
		Statement: "Returns an empty list of tags when n is 0.",
	}
	TagsNZeroLink = Requirement{
		ID: "tags.n.zero-link", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "130",
		Statement: "Sends no Link with the tag list when n is 0.",
	}
	TagsNStart = Requirement{
		ID: "tags.n.start", Level: Must, Basis: Implied, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "131",
		Statement: "Begins a page of tags at the start of the list when last isn't given.",
	}
	TagsNOrder = Requirement{
		ID: "tags.n.order", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "132",
		Statement: "Returns a page of n tags in lexical order, whether by folded case or by byte value.",
	}
	TagsLastAfter = Requirement{
		ID: "tags.last.after", Level: Must, Basis: Implied, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "134",
		Statement: "Returns the tags that follow last, and not last itself.",
	}
	TagsLastOrder = Requirement{
		ID: "tags.last.order", Level: Must, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "135",
		Statement: "Returns the tags after last in lexical order, whether by folded case or by byte value.",
	}
	TagsLastWithoutN = Requirement{
		ID: "tags.last.without-n", Level: May, Basis: Text, Feature: FeatureTags, Profile: ProfileFull,
		Section: "listing-tags", Since: Since10, Row: "136",
		Statement: "Takes last without n.",
	}
	TagsRepositoryUnknown = Requirement{
		ID: "tags.repository.unknown", Level: Must, Basis: Table, Feature: FeatureTags, Profile: ProfileFull,
		Section: "endpoints", Since: Since10, Row: "189",
		Statement: "Answers 404 to a GET of the tag list of a repository that doesn't exist.",
	}
)

func tagsChapter() []Requirement {
	return []Requirement{
		TagsListOk,
		TagsListEmpty,
		TagsListOrder,
		TagsListForm,
		TagsNFewer,
		TagsNExact,
		TagsLinkGiven,
		TagsLinkForm,
		TagsNZero,
		TagsNZeroLink,
		TagsNStart,
		TagsNOrder,
		TagsLastAfter,
		TagsLastOrder,
		TagsLastWithoutN,
		TagsRepositoryUnknown,
	}
}
