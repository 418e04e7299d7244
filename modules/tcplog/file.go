// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// File is a file with HAProxy's lines. Configurations that name it share it, so that a reload does
// not close it.
type File struct {
	key  string
	core zapcore.Core
}

// files holds the open files by the keys of their writers.
var files = caddy.NewUsagePool()

// openFile is an entry of files.
type openFile struct{ io.WriteCloser }

// Destruct implements caddy.Destructor.
func (f openFile) Destruct() error { return f.Close() }

// OpenFile opens a file, which Caddy's log writer file creates and rotates.
func OpenFile(ctx caddy.Context, path string) (*File, error) {
	mod, err := ctx.LoadModuleByID("caddy.logging.writers.file", caddyconfig.JSON(map[string]string{"filename": path}, nil))
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", path, err)
	}
	writer := mod.(caddy.WriterOpener)
	opened, _, err := files.LoadOrNew(writer.WriterKey(), func() (caddy.Destructor, error) {
		out, err := writer.OpenWriter()
		return openFile{out}, err
	})
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", path, err)
	}
	lines := new(Encoder)
	if err := lines.Provision(ctx); err != nil {
		return nil, err
	}
	return &File{writer.WriterKey(), zapcore.NewCore(lines, zapcore.Lock(zapcore.AddSync(opened.(openFile))), zapcore.InfoLevel)}, nil
}

// Logger returns a logger like another one that writes to the file. The file may be nil.
func (f *File) Logger(logger *zap.Logger) *zap.Logger {
	if f == nil {
		return logger
	}
	return logger.WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return f.core }))
}

// Close closes the file unless another configuration has it. Lines that come later reopen it.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	_, err := files.Delete(f.key)
	return err
}
