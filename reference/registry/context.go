package registry

import "context"

type contextKey int

const (
	actorKey contextKey = iota
	requestKey
)

// WithActor returns a context that carries who asks: the name that the
// authentication gave, never a secret.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey, name)
}

// Actor returns the name that [WithActor] put in, or "".
func Actor(ctx context.Context) string {
	s, _ := ctx.Value(actorKey).(string)
	return s
}

// WithRequestID returns a context that carries the id of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey, id)
}

// RequestID returns the id that [WithRequestID] put in, or "".
func RequestID(ctx context.Context) string {
	s, _ := ctx.Value(requestKey).(string)
	return s
}
