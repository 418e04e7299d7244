// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// prefix begins the paths of all routes.
const prefix = "/passthrough/"

// route is a path with the methods that it allows.
type route struct {
	// path is relative to prefix. A segment in capitals stands for a name.
	path    string
	methods map[string]method
	// anyQuery allows query parameters of any name.
	anyQuery bool
	// query are the names of the query parameters allowed.
	query []string
}

// method handles the requests of one method. It returns what to answer: a stream, or a value to
// write as JSON.
type method func(*request) (any, error)

// stream is an answer that writes itself.
type stream func(http.ResponseWriter) error

// array makes an answer of an array, whose elements are written one at a time: there may be
// millions.
func array[T any](elements iter.Seq[T]) stream {
	return func(w http.ResponseWriter) error {
		separator := "["
		for e := range elements {
			if _, err := io.WriteString(w, separator); err != nil {
				return err // the client is gone
			}
			if err := json.NewEncoder(w).Encode(e); err != nil {
				return err // the client is gone
			}
			separator = ","
		}
		if separator == "[" {
			separator = "[]"
		} else {
			separator = "]"
		}
		_, err := io.WriteString(w, separator+"\n")
		return err
	}
}

// request is a request of a route.
type request struct {
	*http.Request
	w     http.ResponseWriter
	names []string // those in the path
}

// get makes a method that reads a value.
func get[T any](value func() T) method { return func(*request) (any, error) { return value(), nil } }

// serve answers a request by its route.
func serve(w http.ResponseWriter, r *http.Request) error {
	matching, names, err := find(r.URL.EscapedPath())
	if err != nil {
		return err
	}
	serveMethod := matching.methods[r.Method]
	if serveMethod == nil {
		allowed := slices.DeleteFunc([]string{"GET", "POST", "PATCH", "DELETE"}, func(m string) bool { return matching.methods[m] == nil })
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s: expected %s", r.Method, oneOf(allowed)))
	}
	if err := matching.checkQuery(r.URL.RawQuery); err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	answer, err := serveMethod(&request{r, w, names})
	if err != nil {
		return apiError(control.HTTPStatus(err), err)
	}
	w.Header().Set("Content-Type", "application/json")
	if write, ok := answer.(stream); ok {
		return write(w)
	}
	return json.NewEncoder(w).Encode(answer)
}

// find returns the route of an escaped path, and the names in the path. An escaped slash is part of
// a name.
func find(path string) (*route, []string, error) {
	segments := strings.Split(strings.TrimPrefix(path, prefix), "/")
	if len(segments) == 2 && segments[1] == "" {
		segments = segments[:1]
	}
	for i := range segments {
		var err error
		if segments[i], err = url.PathUnescape(segments[i]); err != nil {
			return nil, nil, apiError(http.StatusBadRequest, fmt.Errorf("path %s: %w", path, err))
		}
	}
	for i := range routes {
		if names, ok := routes[i].match(segments); ok {
			return &routes[i], names, nil
		}
	}
	return nil, nil, apiError(http.StatusNotFound, fmt.Errorf("path %s: expected %s", path, oneOf(pathsLike(segments[0]))))
}

// match returns the names in a path.
func (r *route) match(segments []string) (names []string, ok bool) {
	words := strings.Split(r.path, "/")
	if len(words) != len(segments) {
		return nil, false
	}
	for i, word := range words {
		switch {
		case word == strings.ToUpper(word):
			if segments[i] == "" {
				return nil, false
			}
			names = append(names, segments[i])
		case word != segments[i]:
			return nil, false
		}
	}
	return names, true
}

// pathsLike returns the paths that begin with a word, or else all.
func pathsLike(first string) (like []string) {
	var all []string
	for _, r := range routes {
		path := prefix + r.path
		all = append(all, path)
		if word, _, _ := strings.Cut(r.path, "/"); word == first {
			like = append(like, path)
		}
	}
	if like == nil {
		return all
	}
	return like
}

func (r *route) checkQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("query %s: %w", raw, err)
	}
	if r.anyQuery {
		return nil
	}
	for name := range query {
		switch {
		case slices.Contains(r.query, name):
		case r.query == nil:
			return fmt.Errorf("parameter %q: expected no parameters", name)
		default:
			return fmt.Errorf("parameter %q: expected %s", name, oneOf(r.query))
		}
	}
	return nil
}

// oneOf joins words: "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// maxBody is the maximum length of a request body.
const maxBody = 4 << 10

// decode reads the body of a request: one object without unknown fields. The example is for the
// error.
func decode[T any](r *request, example string) (v T, err error) {
	return decodeUpTo[T](r, maxBody, example)
}

// decodeUpTo reads a body like decode, of at most that many bytes.
func decodeUpTo[T any](r *request, most int64, example string) (v T, err error) {
	decoder := json.NewDecoder(http.MaxBytesReader(r.w, r.Body, most))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return v, bodyError(err, most, "expected an object such as "+example)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return v, bodyError(err, most, "expected one object and nothing after it")
	}
	return v, nil
}

func bodyError(err error, most int64, expected string) error {
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return apiError(http.StatusRequestEntityTooLarge, fmt.Errorf("reading the body: expected %d bytes at most", most))
	}
	if err == nil {
		return invalid("reading the body: %s", expected)
	}
	return invalid("reading the body: %w: %s", err, expected)
}

// invalid returns an error for wrong input.
func invalid(format string, args ...any) error {
	return apiError(http.StatusBadRequest, fmt.Errorf(format, args...))
}

func apiError(status int, err error) error {
	if known, ok := errors.AsType[caddy.APIError](err); ok {
		return known
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}
