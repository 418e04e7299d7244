// SPDX-License-Identifier: Apache-2.0

package sample

// responseFetches examine the server's first bytes, in rules for responses.
var responseFetches = map[string]fetch{
	"res.len": {
		out: typeInt, needs: NeedsResponse, note: "the number of bytes received from the server; may change until the end of the wait",
		build: withoutArgs(func(in *Input) result { return stillChanging(Integer(int64(len(in.Response)))) }),
	},
	"res.payload": {
		args: takes(2, argInt, argInt), out: typeBin, needs: NeedsResponse,
		note: "the server's bytes at an offset; the length 0 means all that follow, at the end of the wait", build: buildPayload(responseBytes),
	},
	"res.payload_lv": {
		args: takes(2, argInt, argInt, argStr), out: typeBin, needs: NeedsResponse,
		note: "as req.payload_lv, of the server's bytes", build: buildPayloadLV(responseBytes),
	},
	"res.ssl_hello_type": {
		aliases: []string{"rep_ssl_hello_type"}, out: typeInt, needs: NeedsResponse, note: "2 for a TLS ServerHello", build: withoutArgs(serverHelloType),
	},
	"srv_name": stateFetch(ObjectConnection, "srv_name", fetch{out: typeStr, needs: NeedsServer, note: "the server's name"}),
	"srv_id":   stateFetch(ObjectConnection, "srv_id", fetch{out: typeInt, needs: NeedsServer, note: "the server's number: its id, or its place in the backend"}),
}

func responseBytes(in *Input) []byte { return in.Response }

// serverHelloType examines the type of a handshake message, once its header is complete.
func serverHelloType(in *Input) result {
	const handshake, header = 22, 5 + 4
	switch b := in.Response; {
	case len(b) > 0 && b[0] != handshake:
		return noValue
	case len(b) < header:
		return pending
	default:
		return found(Integer(int64(b[5])))
	}
}
