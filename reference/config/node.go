package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/printer"
	"github.com/goccy/go-yaml/token"
)

// A node is a value of a YAML document: nothing, text, a list, or keys with
// values.
type node struct {
	kind  kind
	text  string
	items []*node
	keys  []entry
	token *token.Token
}

type kind int

const (
	isNull kind = iota
	isText
	isList
	isMap
)

func (k kind) String() string { return [...]string{"nothing", "text", "a list", "keys"}[k] }

type entry struct {
	name  string
	token *token.Token
	value *node
}

// maxDepth and maxNodes bound the depth and the size of a document, with what its
// aliases stand for.
const (
	maxDepth = 32
	maxNodes = 10000
)

// read returns the value that text is.
func read(text []byte) (*node, error) {
	file, err := yamlparser.ParseBytes(text, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		var y yaml.Error
		if errors.As(err, &y) && y.GetToken() != nil {
			return nil, &tokenError{y.GetToken(), y.GetMessage()}
		}
		return nil, err
	}
	if len(file.Docs) > 1 {
		return nil, &tokenError{file.Docs[1].GetToken(), "a second document"}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return &node{}, nil
	}
	return (&reader{anchors: map[string]ast.Node{}}).node(file.Docs[0].Body, 0)
}

// A tokenError says what is wrong with a token.
type tokenError struct {
	token  *token.Token
	reason string
}

func (e *tokenError) Error() string { return e.reason }

// excerpt shows a token in its place, with a caret below it.
func excerpt(t *token.Token) string {
	var p printer.Printer
	return strings.TrimRight(p.PrintErrorToken(t, false), "\n")
}

type reader struct {
	anchors map[string]ast.Node
	nodes   int
}

func (r *reader) node(n ast.Node, depth int) (*node, error) {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, &tokenError{n.GetToken(), "too deep, or too much"}
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.node(n.Value, depth+1)
	case *ast.AliasNode:
		value, ok := r.anchors[n.Value.GetToken().Value]
		if !ok {
			return nil, &tokenError{n.GetToken(), "no anchor of that name"}
		}
		return r.node(value, depth+1)
	case *ast.TagNode:
		return r.node(n.Value, depth+1)
	case *ast.NullNode:
		return &node{token: n.GetToken()}, nil
	case *ast.LiteralNode:
		return &node{kind: isText, text: n.Value.Value, token: n.GetToken()}, nil
	case *ast.SequenceNode:
		return r.list(n, depth)
	case *ast.MappingNode:
		return r.mapping(n.Values, n.GetToken(), depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{n}, n.GetToken(), depth)
	case ast.ScalarNode:
		// As it is written: 0123 may be a password.
		return &node{kind: isText, text: n.GetToken().Value, token: n.GetToken()}, nil
	}
	return nil, &tokenError{n.GetToken(), fmt.Sprintf("unexpected %s", strings.ToLower(n.Type().String()))}
}

func (r *reader) list(n *ast.SequenceNode, depth int) (*node, error) {
	out := &node{kind: isList, token: n.GetToken()}
	for _, value := range n.Values {
		one, err := r.node(value, depth+1)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, one)
	}
	return out, nil
}

// mapping reads keys; of those that stand twice the last counts.
func (r *reader) mapping(values []*ast.MappingValueNode, at *token.Token, depth int) (*node, error) {
	out := &node{kind: isMap, token: at}
	if len(values) > 0 {
		out.token = values[0].Key.GetToken()
	}
	for _, value := range values {
		one, err := r.node(value.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if value.Key.IsMergeKey() {
			out.keys = append(one.keys, out.keys...)
			continue
		}
		key := value.Key.GetToken()
		out.keys = append(out.keys, entry{key.Value, key, one})
	}
	return out, nil
}
