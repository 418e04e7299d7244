// SPDX-License-Identifier: Apache-2.0

// Package patternfiles keeps the files of patterns and maps that configurations use, for the whole
// process: all expressions with the same file share its content, and see at once what users change
// in it at run time. Such changes outlive reloads until the file itself changes. A configuration
// that is refused leaves no trace.
package patternfiles

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// files are the files in use.
var files registry

// A registry holds files in the order in which they were first used.
type registry struct {
	mu     sync.Mutex
	files  []*file
	nextID int
}

// A file is a name under which configurations read patterns.
type file struct {
	id    int
	name  string
	isMap bool
	uses  []use // of configurations, the newest last
}

// A use is the use of a file by one configuration.
type use struct {
	config  lifecycle.Config
	view    *sample.View
	content *content
}

// A content is common to the configurations that have read the same bytes; it may have been edited
// since.
type content struct {
	patterns *sample.Patterns
	sum      [sha256.Size]byte // of the file's content

	// The last change at run time:
	by string
	at time.Time
}

// Loader returns a loader whose files are shared with the rest of the process. It must be called
// while Caddy provisions.
func Loader(ctx caddy.Context) *sample.Loader {
	if config, ok := lifecycle.ConfigOf(ctx); ok {
		return &sample.Loader{Files: opener{ctx, config}}
	}
	return new(sample.Loader) // in tests
}

// HTTPLoader returns a Loader for expressions about HTTP requests.
func HTTPLoader(ctx caddy.Context) *sample.Loader {
	l := Loader(ctx)
	l.HTTP = true
	return l
}

// An opener opens files for a configuration.
type opener struct {
	ctx    caddy.Context
	config lifecycle.Config
}

// View implements sample.Files.
func (o opener) View(name string, isMap bool, read func() ([]byte, error)) (*sample.View, error) {
	if v := files.view(o.config, name, isMap); v != nil {
		return v, nil
	}
	b, err := read()
	if err != nil {
		return nil, err
	}
	return files.open(o, name, isMap, b), nil
}

// view returns the view that a configuration has already.
func (r *registry) view(config lifecycle.Config, name string, isMap bool) *sample.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.file(name, isMap); f != nil {
		return f.viewOf(config)
	}
	return nil
}

// file returns the file of that name, or nil. The caller holds the lock.
func (r *registry) file(name string, isMap bool) *file {
	for _, f := range r.files {
		if f.name == name && f.isMap == isMap {
			return f
		}
	}
	return nil
}

func (f *file) viewOf(config lifecycle.Config) *sample.View {
	for _, u := range f.uses {
		if u.config == config {
			return u.view
		}
	}
	return nil
}

// open returns a view of the file for a configuration that has read b from it.
func (r *registry) open(o opener, name string, isMap bool, b []byte) *sample.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.file(name, isMap)
	if f == nil {
		f = &file{id: r.nextID, name: name, isMap: isMap}
		r.nextID++
		r.files = append(r.files, f)
	}
	if v := f.viewOf(o.config); v != nil { // opened in the meantime
		return v
	}
	before := f.current()
	u := use{config: o.config, content: f.contentOf(b)}
	u.view = sample.NewView(u.content.patterns)
	f.uses = append(f.uses, u)
	context.AfterFunc(o.ctx, func() { r.release(f, u.view) })
	if before != nil && before.content != u.content && before.content.patterns.Edits() > 0 {
		go logDropped(o, name, before.content.patterns)
	}
	return u.view
}

// contentOf returns the content of a file from which b was read, with its edits since then.
func (f *file) contentOf(b []byte) *content {
	sum := sha256.Sum256(b)
	for _, u := range slices.Backward(f.uses) {
		if u.content.sum == sum {
			return u.content
		}
	}
	return &content{patterns: sample.NewPatterns(f.name, b, f.isMap), sum: sum}
}

// current returns the use of the configuration that runs, or the newest one. The caller holds the
// lock of the registry.
func (f *file) current() *use {
	for i := range slices.Backward(f.uses) {
		if f.uses[i].config.Running() {
			return &f.uses[i]
		}
	}
	if len(f.uses) == 0 {
		return nil
	}
	return &f.uses[len(f.uses)-1]
}

// release ends a configuration's use of a file.
func (r *registry) release(f *file, v *sample.View) {
	v.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	f.uses = slices.DeleteFunc(f.uses, func(u use) bool { return u.view == v })
	if len(f.uses) == 0 {
		r.files = slices.DeleteFunc(r.files, func(other *file) bool { return other == f })
	}
}

// logDropped logs that edits are lost, once the configuration runs that has read another content.
func logDropped(o opener, name string, edited *sample.Patterns) {
	if o.config.Await(o.ctx) {
		o.ctx.Logger().Info("the file has changed since it was loaded: dropping the changes made at run time",
			zap.String("file", name), zap.Int("changes", edited.Edits()))
	}
}
