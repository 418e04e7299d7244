// SPDX-License-Identifier: Apache-2.0

package sample

// responseFetches look at what the server has sent first, in rules about that.
var responseFetches = map[string]fetch{
	"res.len": {
		out: typeInt, needs: NeedsResponse, note: "how many bytes the server has sent; may change until the end of the wait",
		build: plain(func(in *Input) sampled { return changing(Number(int64(len(in.Response)))) }),
	},
	"res.payload": {
		args: takes(2, argInt, argInt), out: typeBin, needs: NeedsResponse,
		note: "the bytes of the server at an offset; the length 0 means all that follow, at the end of the wait", build: buildPayload(response),
	},
	"res.payload_lv": {
		args: takes(2, argInt, argInt, argStr), out: typeBin, needs: NeedsResponse,
		note: "as req.payload_lv, of the server's bytes", build: buildPayloadLV(response),
	},
	"res.ssl_hello_type": {
		aliases: []string{"rep_ssl_hello_type"}, out: typeInt, needs: NeedsResponse, note: "2 for a TLS ServerHello", build: plain(helloType),
	},
	"srv_name": asks(TheConnection, "srv_name", fetch{out: typeStr, needs: NeedsServer, note: "the server's name"}),
	"srv_id":   asks(TheConnection, "srv_id", fetch{out: typeInt, needs: NeedsServer, note: "the server's number: its id, or its place in the backend"}),
}

func response(in *Input) []byte { return in.Response }

// helloType looks at the first byte of a handshake message, once its header is there.
func helloType(in *Input) sampled {
	const handshake, header = 22, 5 + 4
	switch b := in.Response; {
	case len(b) > 0 && b[0] != handshake:
		return nothing
	case len(b) < header:
		return notYet
	default:
		return found(Number(int64(b[5])))
	}
}
