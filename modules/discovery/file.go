// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/fsnotify/fsnotify"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(File))
}

// File reads the servers from a file, and again when it changes: a JSON list of addresses or of
// objects with address and weight, or one server per line, as in 10.0.0.1:443 weight 10. A file
// that is missing or invalid changes nothing; an empty one, or an empty list, says that there are
// no servers.
type File struct {
	// Path is the path of the file. Required.
	Path string `json:"path"`

	path string // absolute
}

// CaddyModule returns the Caddy module information.
func (*File) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".file", New: func() caddy.Module { return new(File) }}
}

// Provision sets up the module.
func (f *File) Provision(caddy.Context) (err error) {
	if f.Path == "" {
		return errors.New("path: expected the path of a file")
	}
	f.path, err = filepath.Abs(caddy.NewReplacer().ReplaceAll(f.Path, ""))
	return err
}

// Times of a File.
const (
	// pollFile is the time after which the file is read again if no change was reported: on network
	// file systems, changes elsewhere are not.
	pollFile = 2 * time.Second
	// settle is the time from a change until the file is read, since a change often has several steps.
	settle = 20 * time.Millisecond
)

// Watch implements Source.
func (f *File) Watch(ctx context.Context, set func([]Endpoint)) error {
	var changes <-chan fsnotify.Event // nil: the file is only polled
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer func() { _ = w.Close() }()
		// The directory: the file may be replaced, or a link in between.
		if w.Add(filepath.Dir(f.path)) == nil {
			changes = w.Events
		}
	}
	var last []byte
	for first := true; ; first = false {
		data, err := f.read()
		if err != nil {
			return err
		}
		if first || !bytes.Equal(data, last) {
			all, err := parseList(data)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			set(all)
			last = data
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			time.Sleep(settle)
			drain(changes)
		case <-time.After(pollFile):
		}
	}
}

// drain takes the changes that are known already.
func drain(changes <-chan fsnotify.Event) {
	for {
		select {
		case <-changes:
		default:
			return
		}
	}
}

func (f *File) read() ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, maxSize+1))
}

// String returns the path, for logs.
func (f *File) String() string { return f.Path }

// UnmarshalCaddyfile parses the module. Syntax:
//
//	file <path>
func (f *File) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	d.Next()
	f.Path, err = options.Arg(d)
	return cmp.Or(err, options.Table{}.ParseBlock(d))
}

// Interface guards
var (
	_ Source                = (*File)(nil)
	_ caddy.Provisioner     = (*File)(nil)
	_ caddyfile.Unmarshaler = (*File)(nil)
)
