/** The methods that a path has. */
export type MethodOf<P extends keyof Paths> = keyof Paths[P] & string;

/** What an endpoint takes: parameters of the path and the query, headers, and the body. */
export type RequestOf<P extends keyof Paths, M extends keyof Paths[P]> = Paths[P][M] extends {
  request: infer R;
}
  ? R
  : never;

/** What an endpoint gives when all is well. */
export type ResponseOf<P extends keyof Paths, M extends keyof Paths[P]> = Paths[P][M] extends {
  response: infer R;
}
  ? R
  : never;

/** Every error of the server: `status` of HTTP and the uniform body. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: { error: string; message: string; detail: unknown; request_id?: string };

  constructor(status: number, body: ApiError["body"]) {
    super(body.message);
    this.status = status;
    this.body = body;
  }
}

/** A client of the API: `const api = createClient(""); await api("/shop/products", "get", {})`. */
export function createClient(baseUrl: string, init: RequestInit = {}) {
  return async function request<P extends keyof Paths & string, M extends MethodOf<P>>(
    path: P,
    method: M,
    options: RequestOf<P, M>,
  ): Promise<ResponseOf<P, M>> {
    const { path: inPath = {}, query = {}, headers = {}, body } = options as {
      path?: Record<string, unknown>;
      query?: Record<string, unknown>;
      headers?: Record<string, string>;
      body?: unknown;
    };
    const url = path.replace(/\{(\w+)\}/g, (_, name) =>
      encodeURIComponent(String(inPath[name])),
    );
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== null) search.append(name, String(one));
      }
    }
    const text = search.toString();
    const answer = await fetch(baseUrl + url + (text ? `?${text}` : ""), {
      ...init,
      method: method.toUpperCase(),
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(init.headers as Record<string, string> | undefined),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const data = answer.status === 204 ? undefined : await answer.json();
    if (!answer.ok) throw new ApiError(answer.status, data);
    return data as ResponseOf<P, M>;
  };
}
