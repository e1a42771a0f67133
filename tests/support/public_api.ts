// What the Public API takes and answers, by operation, in the types of Segment's own SDK.
import type {
    CreateDestination200Response,
    CreateDestinationV1Input,
    CreateSource201Response,
    CreateSourceV1Input,
    DeleteDestination200Response,
    DeleteSource200Response,
    GetDestinationMetadata200Response,
    GetSource200Response,
    GetSourcesCatalog200Response,
    GetWorkspace200Response,
    ListDestinations200Response,
    ListSources200Response,
    PaginationInput,
    RequestErrorEnvelope,
    UpdateDestination200Response,
    UpdateDestinationV1Input,
} from '@segment/public-api-sdk-typescript/dist/model/models';

type Page = { pagination: PaginationInput };

export interface PublicApi {
    error: RequestErrorEnvelope;
    'GET /': { response: GetWorkspace200Response };
    'GET /catalog/sources': { query: Page; response: GetSourcesCatalog200Response };
    'GET /catalog/destinations/{id}': { response: GetDestinationMetadata200Response };
    'GET /sources': { query: Page; response: ListSources200Response };
    'POST /sources': { body: CreateSourceV1Input; response: CreateSource201Response };
    'GET /sources/{id}': { response: GetSource200Response };
    'DELETE /sources/{id}': { response: DeleteSource200Response };
    'GET /destinations': { query: Page; response: ListDestinations200Response };
    'POST /destinations': { body: CreateDestinationV1Input; response: CreateDestination200Response };
    'PATCH /destinations/{id}': { body: UpdateDestinationV1Input; response: UpdateDestination200Response };
    'DELETE /destinations/{id}': { response: DeleteDestination200Response };
}
