// What `segment setup` and `teardown` ask for, asked for by Segment's own SDK.
import sdk from '@segment/public-api-sdk-typescript';

const [url, token] = process.argv.slice(2);
const [workspaces, catalog, sources, destinations] = [
    sdk.WorkspacesApi,
    sdk.CatalogApi,
    sdk.SourcesApi,
    sdk.DestinationsApi,
].map((Api) => Object.assign(new Api(url), { accessToken: token }));
const get = (promise) => sdk.unwrap(promise);
const S3 = '60be92c8dabdd561bf6c9130';
const settings = { awsRegion: 'eu-west-1', bucket: 'b', iamRoleArn: 'arn:aws:iam::1:role/r' };

await get(workspaces.getWorkspace());
for (const page of [{ count: 200 }, { count: 200, cursor: '2' }]) {
    await get(catalog.getSourcesCatalog(page));
}
await get(catalog.getDestinationMetadata(S3));
const { source } = await get(
    sources.createSource({
        slug: 'website-prod',
        enabled: true,
        metadataId: 'id-of-javascript',
        settings: {},
    })
);
const { destination } = await get(
    destinations.createDestination({
        sourceId: source.id,
        metadataId: S3,
        name: 'website-prod to S3',
        enabled: true,
        settings,
    })
);
await get(sources.listSources({ count: 200 }));
await get(destinations.listDestinations({ count: 200 }));
await get(destinations.updateDestination(destination.id, { enabled: true, settings }));
await get(sources.getSource(source.id));
await get(destinations.deleteDestination(destination.id));
await get(sources.deleteSource(source.id));
