// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"bytes"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// worded is an entry with a line of its own.
type worded struct {
	severity byte
	text     string
}

func (w worded) HAProxyLine() (byte, string) { return w.severity, w.text }

func TestWorded(t *testing.T) {
	var line, json bytes.Buffer
	logger := zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder(t, "tcplog {\n priority\n}"), zapcore.AddSync(&line), zapcore.DebugLevel),
		zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}), zapcore.AddSync(&json), zapcore.DebugLevel)))
	logger.Warn("server is down", zap.String("server", "s1"), InHAProxysWords(worded{1, "Server s1\nis DOWN"}))
	logger.Warn("other", InHAProxysWords(worded{}))
	if got, want := line.String(), `<1>Server s1\nis DOWN`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := json.String(), `{"msg":"server is down","server":"s1"}`+"\n"+`{"msg":"other"}`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
